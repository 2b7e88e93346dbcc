/* A list, its faults and how it is read, for each test of lists anew. LIST_NAME is what faults call it. */
#ifndef TESTS_UNIT_USERLIST_HELP_H
#define TESTS_UNIT_USERLIST_HELP_H

#include <stdlib.h>
#include <string.h>

#include "app/users/userlist.h"

static struct err err;
static struct userlist list;
static struct faults faults;
static struct userlist_how how;

static inline int
list_begin(void **state)
{
	(void)state;
	memset(&err, 0, sizeof(err));
	list = (struct userlist){ 0 };
	how = (struct userlist_how){ 0 };
	faults_init(&faults);
	return 0;
}

static inline int
list_end(void **state)
{
	(void)state;
	userlist_done(&list);
	faults_done(&faults);
	return 0;
}

static inline void
list_parse(const char *text)
{
	char *copy = strdup(text);

	userlist_done(&list);
	faults_done(&faults);
	faults_init(&faults);
	assert_int_equal(
	    userlist_parse(&list, LIST_NAME, copy, strlen(copy), &how, &faults, &err), 0);
	free(copy);
}

/* The only fault is this one. */
static inline void
list_refused(const char *text, const char *says)
{
	list_parse(text);
	if (faults.count != 1 || !strstr(faults.text.data, says))
		fail_msg("'%s' gives %zu faults: %s", text, faults.count,
		    faults.text.data ? faults.text.data : "");
}

#endif
