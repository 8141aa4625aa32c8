// get.c: typed values of a .vmx, with the defaults of the key table.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmx/load.h"
#include "vmx/value.h"

const char *get_written(struct loader *l, const char *key)
{
	const char *value = vmx_file_get(l->file, key);

	return value && *value ? value : NULL;
}

const char *get_text(struct loader *l, const char *key)
{
	const char *value = get_written(l, key);

	return value ? value : vmx_key_default(key, &l->base);
}

bool get_bool(struct loader *l, const char *key)
{
	const char *dflt = vmx_key_default(key, &l->base), *value = get_written(l, key);
	bool out = false;

	if (dflt)
		value_bool(dflt, &out);
	if (value && value_bool(value, &out) < 0)
		problem(l, VMX_ERROR, key, "\"%.60s\" is not TRUE or FALSE", value);
	return out;
}

static int64_t default_int(struct loader *l, const char *key, int64_t min)
{
	const char *dflt = vmx_key_default(key, &l->base);
	int64_t out = min;

	if (dflt)
		value_int(dflt, &out);
	return out;
}

int64_t get_int(struct loader *l, const char *key, int64_t min, int64_t max)
{
	const char *value = get_written(l, key);
	int64_t v;
	int r;

	if (!value)
		return default_int(l, key, min);
	r = value_int(value, &v);
	if (r == -EINVAL) {
		problem(l, VMX_ERROR, key, "\"%.60s\" is not a whole number", value);
		return default_int(l, key, min);
	}
	if (r < 0 || v < min || v > max) {
		problem(l, VMX_ERROR, key, "%.60s is out of range; it must be %" PRId64 " to %" PRId64, value,
			min, max);
		return default_int(l, key, min);
	}
	return v;
}

char *dup_text(struct loader *l, const char *text)
{
	char *copy = text ? strdup(text) : NULL;

	l->no_memory |= text && !copy;
	return copy;
}

const char *key_of(char buf[KEY_SIZE], const char *prefix, const char *suffix)
{
	snprintf(buf, KEY_SIZE, "%s.%s", prefix, suffix);
	return buf;
}
