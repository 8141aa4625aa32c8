// mc146818_time.c: calendar and number formats of the RTC's registers.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "hw/chipset/mc146818_time.h"

#include <stddef.h>

#include "base/compiler.h"
#include "hw/chipset/mc146818.h"

#define DAY 86400u
#define HOUR_PM 0x80u
#define WILDCARD 0xc0u          // an alarm byte with both top bits set matches always
#define NO_MATCH 0xffu

static bool binary(const uint8_t *bytes) { return bytes[RTC_B] & RTC_B_BINARY; }

static unsigned to_number(const uint8_t *bytes, uint8_t value)
{
	return binary(bytes) ? value : (value >> 4) * 10u + (value & 15u);
}

static uint8_t to_byte(const uint8_t *bytes, unsigned number)
{
	return (uint8_t)(binary(bytes) ? number : (number / 10 % 10) << 4 | number % 10);
}

// --- hours ---------------------------------------------------------------------------------------------

// 12-hour mode: 12, 1..11 with bit 7 for the afternoon.
static unsigned hour_number(const uint8_t *bytes, uint8_t value)
{
	unsigned hour;

	if (bytes[RTC_B] & RTC_B_24H)
		return to_number(bytes, value);
	hour = to_number(bytes, (uint8_t)(value & ~HOUR_PM));
	if (hour < 1 || hour > 12)
		return NO_MATCH;
	return hour % 12 + (value & HOUR_PM ? 12u : 0u);
}

static uint8_t hour_byte(const uint8_t *bytes, unsigned hour)
{
	unsigned shown = hour % 12 ? hour % 12 : 12;

	if (bytes[RTC_B] & RTC_B_24H)
		return to_byte(bytes, hour);
	return (uint8_t)(to_byte(bytes, shown) | (hour >= 12 ? HOUR_PM : 0));
}

// --- calendar ------------------------------------------------------------------------------------------

static bool leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 || year % 400 == 0);
}

static unsigned month_days(unsigned month, unsigned year)
{
	static const uint8_t days[13] = { 31, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return days[month <= 12 ? month : 0] + (month == 2 && leap(year) ? 1u : 0u);
}

// Days since 1970-01-01 of a proleptic Gregorian date; years are counted from March so that the leap day is
// last.
static int64_t days_of(unsigned year, unsigned month, unsigned day)
{
	unsigned y = month > 2 ? year : year - 1;
	unsigned m = month > 2 ? month - 3 : month + 9;

	return (int64_t)(y * 365ull + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day) - 719469;
}

static void date_of(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
	unsigned y = (unsigned)MIN(MAX(1970 + days / 366, 1), 9999);

	// From a year that is not too late it is a few steps at most to the right one.
	while (y < 9999 && days_of(y + 1, 1, 1) <= days)
		y++;
	while (y > 1 && days_of(y, 1, 1) > days)
		y--;
	*year = y;
	*month = 1;
	while (*month < 12 && days_of(y, *month + 1, 1) <= days)
		(*month)++;
	*day = (unsigned)(days - days_of(y, *month, 1)) + 1;
}

// --- registers -----------------------------------------------------------------------------------------

static unsigned within(unsigned value, unsigned low, unsigned high)
{
	return MIN(MAX(value, low), high);
}

static unsigned shown_year(const uint8_t *bytes)
{
	// Whatever the data mode, BIOSes keep the century in BCD.
	unsigned century = (bytes[RTC_CENTURY] >> 4) * 10u + (bytes[RTC_CENTURY] & 15u);

	if (century < 1 || century > 99)
		century = 20;
	return century * 100 + within(to_number(bytes, bytes[RTC_YEAR]), 0, 99);
}

static void store_date(uint8_t *bytes, int64_t days)
{
	unsigned year, month, day;

	date_of(days, &year, &month, &day);
	bytes[RTC_DAY] = to_byte(bytes, day);
	bytes[RTC_MONTH] = to_byte(bytes, month);
	bytes[RTC_YEAR] = to_byte(bytes, year % 100);
	bytes[RTC_CENTURY] = (uint8_t)((year / 1000) << 4 | year / 100 % 10);
}

static void advance_date(uint8_t *bytes, uint64_t days)
{
	unsigned year = shown_year(bytes);
	unsigned month = within(to_number(bytes, bytes[RTC_MONTH]), 1, 12);
	unsigned day = within(to_number(bytes, bytes[RTC_DAY]), 1, month_days(month, year));
	unsigned weekday = within(to_number(bytes, bytes[RTC_WEEKDAY]), 1, 7);

	// The weekday is a counter of its own on the chip.
	bytes[RTC_WEEKDAY] = to_byte(bytes, (unsigned)((weekday - 1 + days) % 7) + 1);
	store_date(bytes, days_of(year, month, day) + (int64_t)days);
}

static unsigned shown_time_of_day(const uint8_t *bytes)
{
	unsigned hour = hour_number(bytes, bytes[RTC_HOURS]);

	return within(hour, 0, 23) * 3600 + within(to_number(bytes, bytes[RTC_MINUTES]), 0, 59) * 60 +
	       within(to_number(bytes, bytes[RTC_SECONDS]), 0, 59);
}

void mc146818_advance(uint8_t *bytes, uint64_t seconds)
{
	uint64_t shown = within(to_number(bytes, bytes[RTC_SECONDS]), 0, 59) + seconds;
	uint64_t time;

	if (!seconds)
		return;
	if (shown < 60) {
		bytes[RTC_SECONDS] = to_byte(bytes, (unsigned)shown);
		return;
	}
	time = shown_time_of_day(bytes) + seconds;
	bytes[RTC_SECONDS] = to_byte(bytes, (unsigned)(time % 60));
	bytes[RTC_MINUTES] = to_byte(bytes, (unsigned)(time / 60 % 60));
	if (shown_time_of_day(bytes) / 3600 != time / 3600 || hour_number(bytes, bytes[RTC_HOURS]) > 23)
		bytes[RTC_HOURS] = hour_byte(bytes, (unsigned)(time / 3600 % 24));
	if (time >= DAY)
		advance_date(bytes, time / DAY);
}

void mc146818_store_time(uint8_t *bytes, int64_t unix_seconds)
{
	int64_t days = unix_seconds / (int64_t)DAY - (unix_seconds % (int64_t)DAY < 0);
	unsigned time = (unsigned)(unix_seconds - days * (int64_t)DAY);
	int64_t first = days_of(1, 1, 1), last = days_of(9999, 12, 31);

	days = MIN(MAX(days, first), last);
	bytes[RTC_SECONDS] = to_byte(bytes, time % 60);
	bytes[RTC_MINUTES] = to_byte(bytes, time / 60 % 60);
	bytes[RTC_HOURS] = hour_byte(bytes, time / 3600);
	// 1970-01-01 was a Thursday, day 5 of the chip's week.
	bytes[RTC_WEEKDAY] = to_byte(bytes, (unsigned)((days % 7 + 7 + 4) % 7) + 1);
	store_date(bytes, days);
}

// --- alarm ---------------------------------------------------------------------------------------------

// The value that an alarm byte asks for, WILDCARD for any, NO_MATCH for one that never comes.
static unsigned alarm_number(const uint8_t *bytes, uint8_t value, unsigned limit)
{
	unsigned number;

	if ((value & WILDCARD) == WILDCARD)
		return WILDCARD;
	number = limit == 24 ? hour_number(bytes, value) : to_number(bytes, value);
	return number < limit ? number : NO_MATCH;
}

// The first of second, minute, hour at or after TIME (of day), as seconds of day; DAY or more = none today.
static unsigned match_from(unsigned hour, unsigned minute, unsigned second, unsigned time)
{
	for (unsigned h = hour == WILDCARD ? time / 3600 : hour; h < 24; h++) {
		for (unsigned m = 0; m < 60; m++) {
			unsigned at = h * 3600 + m * 60, s = second;

			if ((minute != WILDCARD && minute != m) || at + 59 < time)
				continue;
			if (s == WILDCARD)
				s = time > at ? time - at : 0;
			if (at + s >= time)
				return at + s;
		}
		if (hour != WILDCARD)
			break;
	}
	return DAY;
}

uint32_t mc146818_alarm_in(const uint8_t *bytes)
{
	unsigned second = alarm_number(bytes, bytes[RTC_SECONDS_ALARM], 60);
	unsigned minute = alarm_number(bytes, bytes[RTC_MINUTES_ALARM], 60);
	unsigned hour = alarm_number(bytes, bytes[RTC_HOURS_ALARM], 24);
	unsigned now = shown_time_of_day(bytes);
	unsigned at;

	if (second == NO_MATCH || minute == NO_MATCH || hour == NO_MATCH)
		return 0;
	at = match_from(hour, minute, second, now + 1);
	if (at >= DAY)
		at = DAY + match_from(hour, minute, second, 0);
	return at - now;
}
