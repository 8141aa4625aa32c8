// nvram.c: the CMOS file.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "machine/nvram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/file.h"
#include "hw/chipset/mc146818.h"
#include "hw/chipset/rtc.h"

// The file: magic, digest of what is behind it, clock, CMOS.
enum layout { AT_MAGIC = 0, AT_DIGEST = 8, AT_CLOCK = 16, AT_CMOS = 24, FILE_SIZE = AT_CMOS + NVRAM_CMOS };

#define MAGIC     "BERTHNV1"
#define CLOCK_MAX (50ll * 366 * 86400)
#define CLOCK_SLACK 2

// --- the file ------------------------------------------------------------------------------------------

static uint64_t digest(const uint8_t *p, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return h;
}

static int parse(const char *path, const uint8_t *data, size_t len, struct nvram *out, struct err *err)
{
	int64_t clock;

	if (len != FILE_SIZE || memcmp(data, MAGIC, strlen(MAGIC)))
		return err_set(err, EINVAL, path, "is not a file of firmware settings that Berth wrote");
	if (get_le64(data + AT_DIGEST) != digest(data + AT_CLOCK, FILE_SIZE - AT_CLOCK))
		return err_set(err, EINVAL, path, "is damaged");
	clock = (int64_t)get_le64(data + AT_CLOCK);
	if (clock < -CLOCK_MAX || clock > CLOCK_MAX)
		return err_set(err, EINVAL, path, "holds a clock that is %lld seconds off", (long long)clock);
	out->clock_diff = clock;
	memcpy(out->cmos, data + AT_CMOS, NVRAM_CMOS);
	return 0;
}

int nvram_load(const char *path, struct nvram *out, struct err *err)
{
	char *data;
	size_t len;
	int r = file_read(path, 65536, &data, &len, err);

	if (r < 0)
		return r == -ENOENT ? r : -EINVAL;
	r = parse(path, (const uint8_t *)data, len, out, err);
	free(data);
	return r;
}

int nvram_save(const char *path, const struct nvram *nvram, struct err *err)
{
	uint8_t data[FILE_SIZE];

	memcpy(data, MAGIC, strlen(MAGIC));
	put_le64(data + AT_CLOCK, (uint64_t)nvram->clock_diff);
	memcpy(data + AT_CMOS, nvram->cmos, NVRAM_CMOS);
	put_le64(data + AT_DIGEST, digest(data + AT_CLOCK, FILE_SIZE - AT_CLOCK));
	return file_replace(path, data, sizeof(data), err);
}

bool nvram_equal(const struct nvram *a, const struct nvram *b)
{
	int64_t apart = a->clock_diff - b->clock_diff;

	return !memcmp(a->cmos, b->cmos, NVRAM_CMOS) && apart >= -CLOCK_SLACK && apart <= CLOCK_SLACK;
}

// --- the bytes that survive ----------------------------------------------------------------------------

// Not the clock and the shutdown code; not what tells of the machine: equipment, memory, checksum, century, disk
// translation, number of CPUs.
static bool survives(unsigned index)
{
	static const struct { uint8_t first, last; } made_anew[] = {
		{ 0x00, 0x0f }, { 0x14, 0x18 }, { 0x2e, 0x32 }, { 0x34, 0x35 }, { 0x39, 0x3a }, { 0x5b, 0x5d }, { 0x5f, 0x5f } };

	for (size_t i = 0; i < ARRAY_SIZE(made_anew); i++) {
		if (index >= made_anew[i].first && index <= made_anew[i].last)
			return false;
	}
	return true;
}

void nvram_apply(const struct nvram *nvram, struct rtc *rtc)
{
	for (unsigned i = 0; i < NVRAM_CMOS; i++) {
		if (survives(i))
			rtc_cmos_write(rtc, i, nvram->cmos[i]);
	}
	rtc_cmos_checksum(rtc);
}

// --- the clock -----------------------------------------------------------------------------------------

static bool number(uint8_t value, bool binary, int *out)
{
	if (!binary && ((value & 0x0f) > 9 || value >> 4 > 9))
		return false;
	*out = binary ? value : (value >> 4) * 10 + (value & 0x0f);
	return true;
}

// Bit 7 of the hours says afternoon in the 12-hour mode, where 12 is the first hour.
static bool hours(uint8_t value, uint8_t mode, int *out)
{
	bool afternoon = !(mode & RTC_B_24H) && value & 0x80;

	if (!number(mode & RTC_B_24H ? value : value & 0x7f, mode & RTC_B_BINARY, out))
		return false;
	if (!(mode & RTC_B_24H))
		*out = *out % 12 + (afternoon ? 12 : 0);
	return true;
}

bool nvram_clock(struct rtc *rtc, int64_t *seconds)
{
	uint8_t mode = rtc_cmos_read(rtc, RTC_B);
	bool binary = mode & RTC_B_BINARY, good = true;
	struct tm tm = { 0 };
	int century, year;

	good &= number(rtc_cmos_read(rtc, RTC_SECONDS), binary, &tm.tm_sec);
	good &= number(rtc_cmos_read(rtc, RTC_MINUTES), binary, &tm.tm_min);
	good &= hours(rtc_cmos_read(rtc, RTC_HOURS), mode, &tm.tm_hour);
	good &= number(rtc_cmos_read(rtc, RTC_DAY), binary, &tm.tm_mday);
	good &= number(rtc_cmos_read(rtc, RTC_MONTH), binary, &tm.tm_mon);
	good &= number(rtc_cmos_read(rtc, RTC_YEAR), binary, &year);
	good &= number(rtc_cmos_read(rtc, RTC_CENTURY), binary, &century);
	if (!good || tm.tm_sec > 59 || tm.tm_min > 59 || tm.tm_hour > 23 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_mon < 1 || tm.tm_mon > 12 || year > 99 || century < 19 || century > 99)
		return false;
	tm.tm_mon -= 1;
	tm.tm_year = century * 100 + year - 1900;
	*seconds = timegm(&tm);
	return true;
}

void nvram_take(struct nvram *nvram, struct rtc *rtc, int64_t unset)
{
	int64_t shown;

	for (unsigned i = 0; i < NVRAM_CMOS; i++)
		nvram->cmos[i] = survives(i) ? rtc_cmos_read(rtc, i) : 0;
	if (nvram_clock(rtc, &shown) && shown - unset >= -CLOCK_MAX && shown - unset <= CLOCK_MAX)
		nvram->clock_diff = shown - unset;
}
