"""The rows of docs/quirks.md 3.3, and which scene proves which.

    @quirk(12, "8b")
    def scene_size_too_large(t): ...

The scene's name then ends with "(quirk 12: ...)", so that `run.py "quirk 12:"` plays those of a row.
"""

TAP_HELPER = True

ROWS = {
    "1": "Gmail: so many octets a day, then BYE",
    "2": "Gmail: too many connections",
    "3": "Gmail: All Mail has everything once more",
    "4": "Gmail: folders by special use, and limits that hide mail",
    "5": "Gmail: names that a destination refuses",
    "6": "Gmail: NUL in a literal ends the connection",
    "7": "Gmail: some messages could not be fetched",
    "8": "APPENDLIMIT",
    "8b": "limits of bandwidth look like failures",
    "9": "Exchange Online: authenticated but not connected",
    "10": "Exchange Online: throttled with a backoff time",
    "11": "Exchange: ten errors end the connection",
    "12": "Exchange: RFC822.SIZE is not the size",
    "13": "Exchange: a notice in place of the mail",
    "14": "Exchange 2010: OK without data to PEEK",
    "15": "Exchange: Command Argument Error",
    "16": "Exchange: headers are added",
    "17": "Exchange: reserved names",
    "18": "Exchange: limits of a message's size",
    "19": "Yahoo: limits of rate",
    "20": "Yahoo: large folders only partly visible",
    "21": "Yahoo: nothing may follow the literal",
    "22": "Yahoo, 163, QQ: ID wanted, ID refused",
    "23": "iCloud",
    "24": "iCloud: few connections, not available for a while",
    "25": "Domino",
    "26": "GroupWise",
    "27": "Courier",
    "28": "Cyrus",
    "29": "Zimbra",
    "30": "Dovecot",
    "31": "Proton Bridge",
    "32": "other data within ours",
    "33": "Microsoft, OVH: numbers and UIDs that are none",
    "34": "the end in the middle of a literal",
    "35": "one side idles while the other works",
    "36": "Yandex, mox: days of two digits, BYE again and again",
    "37": "mail.ru: no SEARCH, numbers through a float",
    "38": "hMailServer",
    "39": "grommunio: a list of flags always",
    "40": "servers with a broken SEARCH",
    "41": "FirstClass: HasNoChildren is not true",
    "42": "Oracle IMS: headers cut off",
    "43": "163, Winmail: numbers that are not told",
    "44": "Outlook.com: too many messages in one FETCH",
    "45": "over quota in many words",
    "46": "response codes",
    "47": "UIDVALIDITY changed, 0, or too large",
    "48": "odd flags",
    "49": "odd dates",
    "50": "odd names",
    "51": "octets that look like protocol",
    "52": "filters at the destination",
}


# What the scenes of a row do not show, since imex does not do it: that much of the row's advice is open.
PARTLY = {
    "17": "Calendar, Contacts and Tasks are copied unless --exclude names them: nothing is left out unasked",
}


def quirk(*rows):
    """Marks a scene: it proves these rows."""
    def mark(function):
        function.rows = [str(row) for row in rows]
        return function
    return mark


def titled(name, function):
    """The scene's name with the rows that it proves."""
    rows = getattr(function, "rows", [])
    return name + (" (" + ", ".join(f"quirk {row}: {ROWS[row]}" for row in rows) + ")" if rows else "")
