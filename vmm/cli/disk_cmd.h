// disk_cmd.h: `berth disk`: what its subcommands share.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_CLI_DISK_CMD_H
#define BERTH_CLI_DISK_CMD_H

#include <stdbool.h>
#include <stdint.h>

#include "block/tool.h"
#include "cli/options.h"

// Codes that are answers, behind those of err.h (docs/exit-codes.md).
enum disk_answer { DISK_LOST_SPACE = 9, DISK_NO = 10 };

int disk_main(int argc, char **argv);

// --- options ---------------------------------------------------------------------------------------------

// A long option and its letter (0 = none). VALUE makes it an option with an argument.
struct disk_option { const char *name; char letter; bool *seen; const char **value; };

// As cli_parse(): -1 = go on with operands from optind, else the exit code.
int disk_parse(int argc, char **argv, const struct cli_usage *usage, const struct disk_option *options);
// "40G", "512MB", "1.5T"; a plain number counts UNIT bytes. A whole number of sectors, or false.
bool disk_size(const char *text, uint64_t unit, uint64_t *bytes);
// createType, or one of the words that people use ("sparse", "flat", "raw"). False when unknown; RAW may be NULL.
bool disk_kind(const char *word, enum vmdk_kind *kind, bool *raw);
// Whether PATH holds a plain image: said by the option, or by a name that ends in .raw, .img or .iso. Its content is
// never asked.
bool disk_is_raw(const char *path, bool said);
// TEXT as it may stand in JSON: where it is no UTF-8, every byte beyond ASCII becomes '?'. Returns TEXT or BUF.
const char *disk_utf8(const char *text, char *buf, size_t size);
int disk_usage_error(const char *command, const char *fmt, ...) PRINTF(2, 3);

// --- one run of a tool -----------------------------------------------------------------------------------

struct disk_session {
	struct tool tool;
	const char *verb;               // "Convert": in front of the percentage
	bool quiet, plain;              // PLAIN: VMware's form of progress, also where there is no terminal
	bool shown;                     // a line of progress stands on the terminal
	uint64_t began;
	unsigned percent;
};

// Makes the loop; from here on SIGINT and SIGTERM stop the tool instead of the process.
int disk_begin(struct disk_session *s, const char *verb, bool quiet, struct err *err);
// Ends it; R < 0 prints ERR. Returns the exit code.
int disk_end(struct disk_session *s, int r, const struct err *err);
// "1.5 GiB" and so on into BUF, which it returns.
const char *disk_bytes(uint64_t bytes, char *buf, size_t size);

// --- subcommands -----------------------------------------------------------------------------------------

struct disk_command {
	const char *name;
	int (*main)(int argc, char **argv);
	const char *summary;
};

extern const struct disk_command disk_commands[];

int disk_info_main(int argc, char **argv);
int disk_map_main(int argc, char **argv);
int disk_create_main(int argc, char **argv);
int disk_delta_main(int argc, char **argv);
int disk_check_main(int argc, char **argv);
int disk_convert_main(int argc, char **argv);
int disk_flatten_main(int argc, char **argv);
int disk_compare_main(int argc, char **argv);
int disk_commit_main(int argc, char **argv);
int disk_grow_main(int argc, char **argv);
int disk_rename_main(int argc, char **argv);
int disk_shrink_main(int argc, char **argv);
int disk_defragment_main(int argc, char **argv);
int disk_wipe_main(int argc, char **argv);

#endif
