// vmware_lock.c: members of VMware's lock folders: read, judged, made, removed.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// A member Mnnnnn.lck is 512 bytes: machine, process-start(name), number, S or X, time, lc=checksum of the folder's
// path; words, then NULs. Who wants in makes a folder Dnnnnn.lck, writes Ennnnn.lck, renames it to Mnnnnn.lck and
// removes D; whoever sees a D waits for what becomes of it. VMware removes members of any other size or form.
#include "base/vmware_lock.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define MEMBER_SIZE 512u
#define NAME_SIZE   16u         // "M12345.lck"
#define WORD_SIZE   128u
#define ENTER_TRIES 20u
#define ENTER_STEPS 30u         // looks at somebody who is entering
#define ENTER_STEP  100000000l  // nanoseconds between them; VMware gives up on such after a few seconds, too

struct vmware_lock {
	char folder[PATH_MAX];
	char member[NAME_SIZE];
};

struct member {
	char name[NAME_MAX + 1];
	char machine[WORD_SIZE], process[WORD_SIZE], kind;
	unsigned long number;
	bool readable;          // the fields above are what the file says
	time_t since;
};

// --- who we are --------------------------------------------------------------------------------------------

static uint64_t fnv(uint64_t hash, const char *text)
{
	for (; *text && *text != '\n'; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ull;
	return hash;
}

static bool read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	return true;
}

// The machine-id itself is nobody else's business, so what stands in shared folders is made from it.
static void our_machine(char out[WORD_SIZE])
{
	char id[256] = "";

	if (!read_text("/etc/machine-id", id, sizeof(id)))
		gethostname(id, sizeof(id) - 1);
	snprintf(out, WORD_SIZE, "uuid=be574000-%016llx-%016llx", (unsigned long long)fnv(0xcbf29ce484222325ull, id),
		 (unsigned long long)fnv(fnv(0xcbf29ce484222325ull, "berth"), id));
}

// Field 22 of /proc/PID/stat; the name in field 2 may hold anything. 0 = there is no such process.
static unsigned long long start_of(long pid)
{
	char path[64], text[1024], *p;
	unsigned long long start = 0;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	if (!read_text(path, text, sizeof(text)))
		return 0;
	p = strrchr(text, ')');
	for (unsigned field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (p)
		start = strtoull(p, NULL, 10);
	return start;
}

static uint32_t path_checksum(const char *path)
{
	uint32_t hash = 5381;

	for (; *path; path++)
		hash = hash * 33 + (uint32_t)(signed char)*path;
	return hash;
}

// --- members -----------------------------------------------------------------------------------------------

static bool is_entry(const char *name, char kind)
{
	size_t n = strlen(name);

	return n > 5 && toupper((unsigned char)name[0]) == kind && !strcasecmp(name + n - 4, ".lck");
}

static void parse_member(const char *text, struct member *m)
{
	char kind[2] = "";

	if (sscanf(text, "%127s %127s %lu %1s", m->machine, m->process, &m->number, kind) != 4)
		return;
	m->readable = kind[0] == 'S' || kind[0] == 'X';
	m->kind = m->readable ? kind[0] : 'X';
}

// What cannot be read is somebody's lock all the same.
static void read_member(int dir, const char *name, struct member *m)
{
	char text[MEMBER_SIZE + 1] = "";
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	*m = (struct member){ .kind = 'X' };
	snprintf(m->name, sizeof(m->name), "%s", name);
	if (fd < 0)
		return;
	n = read(fd, text, MEMBER_SIZE);
	if (fstat(fd, &st) == 0)
		m->since = st.st_mtime;
	close(fd);
	if (n <= 0)
		return;
	text[n] = '\0';
	parse_member(text, m);
}

enum owner { OWNER_FOREIGN, OWNER_US, OWNER_OTHER_BERTH, OWNER_GONE };

static enum owner owner_of(const struct member *m)
{
	char machine[WORD_SIZE];
	unsigned long long start = 0, now;
	long pid = 0;

	our_machine(machine);
	if (!m->readable || strcmp(m->machine, machine) || sscanf(m->process, "%ld-%llu", &pid, &start) != 2 || pid <= 0)
		return OWNER_FOREIGN;
	now = start_of(pid);
	if (!now || now != start)
		return OWNER_GONE;
	return pid == getpid() ? OWNER_US : OWNER_OTHER_BERTH;
}

static const char *process_name(const struct member *m, char buf[WORD_SIZE])
{
	const char *open = strchr(m->process, '('), *close = strrchr(m->process, ')');

	if (!open || !close || close <= open + 1)
		return "a program";
	snprintf(buf, WORD_SIZE, "%.*s", (int)(close - open - 1), open + 1);
	return buf;
}

static int explain(const char *path, const char *folder, const struct member *m, enum owner owner, struct err *err)
{
	char name[WORD_SIZE], since[32] = "an unknown time";
	struct tm tm;

	if (m->since && localtime_r(&m->since, &tm))
		strftime(since, sizeof(since), "%Y-%m-%d %H:%M", &tm);
	if (owner == OWNER_OTHER_BERTH)
		err_set(err, EBUSY, path, "a running Berth of this host (process %ld) has it since %s: lock %s",
			strtol(m->process, NULL, 10), since, m->name);
	else if (m->readable)
		err_set(err, EBUSY, path,
			"is locked by VMware or another host: %.40s, process %ld on machine %.60s, since %s: lock %s",
			process_name(m, name), strtol(m->process, NULL, 10), m->machine, since, m->name);
	else
		err_set(err, EBUSY, path, "is locked by VMware or another program since %s: lock %.40s, which cannot be read",
			since, m->name);
	if (owner == OWNER_OTHER_BERTH)
		err_remedy(err, "`berth list` shows the VMs that run; `berth stop` ends one");
	else
		err_remedy(err, "Power the VM off there; when no program has it open any more, delete the folder %.250s",
			   folder);
	err_exit(err, EXIT_BUSY);
	return -EBUSY;
}

// --- a folder of members -------------------------------------------------------------------------------------

struct scan {
	const char *path, *folder;
	const char *own;                // the member that is ours, or NULL
	bool exclusive, clean;          // clean: remove what Berths that have gone left behind
	bool entering;                  // found: somebody is on the way in
	unsigned long highest;          // found: number
};

static int judge(struct scan *s, int dir, const char *name, struct err *err)
{
	struct member m;
	enum owner owner;

	if (s->own && !strcmp(name, s->own))
		return 0;
	read_member(dir, name, &m);
	owner = owner_of(&m);
	if (owner == OWNER_GONE && s->clean) {
		log_info("%s: a Berth that did not end properly left its lock %s; it is taken over", s->path, name);
		unlinkat(dir, name, 0);
	}
	if (owner == OWNER_GONE || owner == OWNER_US)
		return 0;
	if (m.number > s->highest && m.number < UINT32_MAX)
		s->highest = m.number;
	return s->exclusive || m.kind == 'X' ? explain(s->path, s->folder, &m, owner, err) : 0;
}

static int scan_folder(struct scan *s, int at, struct err *err)
{
	int fd = openat(at, s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	s->entering = false;
	if (!list) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (!r && (entry = readdir(list))) {
		if (is_entry(entry->d_name, 'M'))
			r = judge(s, dirfd(list), entry->d_name, err);
		else
			s->entering |= is_entry(entry->d_name, 'D');
	}
	closedir(list);
	return r;
}

int vmware_lock_check(int at, const char *path, bool exclusive, struct err *err)
{
	char folder[PATH_MAX];
	struct scan s = { .path = path, .folder = folder, .exclusive = exclusive };

	if ((size_t)snprintf(folder, sizeof(folder), "%s.lck", path) >= sizeof(folder))
		return 0;
	return scan_folder(&s, at, err);
}

// --- taking --------------------------------------------------------------------------------------------------

// The lock lies beside the name, also where that is a symbolic link; the folder's own path is resolved.
static int folder_of(const char *path, char folder[PATH_MAX], struct err *err)
{
	char copy[PATH_MAX], name[PATH_MAX], real[PATH_MAX];

	if (strlen(path) >= sizeof(copy))
		return err_set(err, ENAMETOOLONG, path, "the path is too long");
	strcpy(copy, path);
	strcpy(name, path);
	if (!realpath(dirname(copy), real))
		return err_set(err, errno, path, "its folder cannot be found: %s", strerror(errno));
	if ((size_t)snprintf(folder, PATH_MAX, "%s/%s.lck", real, basename(name)) >= PATH_MAX - NAME_SIZE)
		return err_set(err, ENAMETOOLONG, path, "the path is too long");
	return 0;
}

static void member_text(const char *folder, unsigned long number, bool exclusive, char text[MEMBER_SIZE])
{
	char machine[WORD_SIZE];
	unsigned long long start = start_of(getpid());

	memset(text, 0, MEMBER_SIZE);
	our_machine(machine);
	snprintf(text, MEMBER_SIZE, "%s %ld-%llu(berth) %lu %c %llu lc=%u", machine, (long)getpid(), start, number,
		 exclusive ? 'X' : 'S', start, path_checksum(folder));
}

static int write_member(int dir, const char *name, const char text[MEMBER_SIZE])
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644), r = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, MEMBER_SIZE);
	if (n != (ssize_t)MEMBER_SIZE)
		r = n < 0 ? -errno : -ENOSPC;
	if (close(fd) < 0 && !r)
		r = -errno;
	if (r < 0)
		unlinkat(dir, name, 0);
	return r;
}

// Opens FOLDER, which another may remove again at any time, and makes D in it. A descriptor, or -errno.
static int enter(const char *folder, char number[6])
{
	for (unsigned i = 0; i < ENTER_TRIES; i++) {
		char entry[NAME_SIZE], member[NAME_SIZE];
		uint32_t random = (uint32_t)getpid() * 31 + i * 7919;
		int dir;

		if (mkdir(folder, 0777) < 0 && errno != EEXIST)
			return -errno;
		dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (dir < 0 && errno != ENOENT)
			return -errno;
		if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
			random ^= (uint32_t)time(NULL);
		snprintf(number, 6, "%05u", random % 100000u);
		snprintf(entry, sizeof(entry), "D%s.lck", number);
		snprintf(member, sizeof(member), "M%s.lck", number);
		if (dir >= 0 && mkdirat(dir, entry, 0777) == 0) {
			if (faccessat(dir, member, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
				return dir;
			unlinkat(dir, entry, AT_REMOVEDIR);
		} else if (dir >= 0 && errno != EEXIST && errno != ENOENT) {
			int r = -errno;

			close(dir);
			return r;
		}
		if (dir >= 0)
			close(dir);
	}
	return -EAGAIN;
}

// The member comes to be under its name as a whole.
static int make_member(int dir, const char number[6], const char text[MEMBER_SIZE])
{
	char entry[NAME_SIZE], draft[NAME_SIZE], member[NAME_SIZE];
	int r;

	snprintf(entry, sizeof(entry), "D%s.lck", number);
	snprintf(draft, sizeof(draft), "E%s.lck", number);
	snprintf(member, sizeof(member), "M%s.lck", number);
	r = write_member(dir, draft, text);
	if (!r && renameat(dir, draft, dir, member) < 0) {
		r = -errno;
		unlinkat(dir, draft, 0);
	}
	unlinkat(dir, entry, AT_REMOVEDIR);
	return r;
}

static bool may_go_without(int code)
{
	return code == -EACCES || code == -EPERM || code == -EROFS;
}

static int cannot_lock(const char *path, const char *folder, int r, struct err *err)
{
	err_set(err, -r, path, "its lock %.150s cannot be made: %s", folder, strerror(-r));
	if (r == -ENOSPC || r == -EDQUOT)
		err_remedy(err, "Make room there");
	else if (r == -ENOTDIR || r == -EEXIST)
		err_remedy(err, "Something that is no folder has that name, an old kind of lock: delete it when no "
				"program uses the VM");
	else
		err_remedy(err, "Look at the folder, or do without VMware's locks: disk.locking = \"FALSE\"");
	return r;
}

// Others who were entering have become members when this returns, or have given up.
static int settle(struct scan *s, struct err *err)
{
	const struct timespec step = { .tv_nsec = ENTER_STEP };
	int r = scan_folder(s, AT_FDCWD, err);

	for (unsigned i = 0; !r && s->entering && i < ENTER_STEPS; i++) {
		nanosleep(&step, NULL);
		r = scan_folder(s, AT_FDCWD, err);
	}
	return r;
}

static int take(struct vmware_lock *lock, struct scan *s, struct err *err)
{
	char number[6], text[MEMBER_SIZE];
	int dir, r = scan_folder(s, AT_FDCWD, err);

	if (r < 0)
		return r;
	dir = enter(lock->folder, number);
	if (dir < 0)
		return may_go_without(dir) ? dir : cannot_lock(s->path, lock->folder, dir, err);
	member_text(lock->folder, s->highest + 1, s->exclusive, text);
	r = make_member(dir, number, text);
	close(dir);
	if (r < 0) {
		rmdir(lock->folder);
		return may_go_without(r) ? r : cannot_lock(s->path, lock->folder, r, err);
	}
	snprintf(lock->member, sizeof(lock->member), "M%s.lck", number);
	s->own = lock->member;
	return settle(s, err);
}

int vmware_lock_take(const char *path, bool exclusive, struct vmware_lock **out, struct err *err)
{
	struct vmware_lock *lock = calloc(1, sizeof(*lock));
	struct scan s = { .path = path, .exclusive = exclusive, .clean = true };
	int r;

	*out = NULL;
	if (!lock)
		return err_set(err, ENOMEM, path, "no memory for its lock");
	s.folder = lock->folder;
	r = folder_of(path, lock->folder, err);
	if (!r)
		r = take(lock, &s, err);
	if (r < 0) {
		vmware_lock_release(lock);
		if (!may_go_without(r))
			return r;
		log_info("%s: its folder cannot be written, so VMware on other hosts will not see that it is in use", path);
		return 0;
	}
	*out = lock;
	return 0;
}

void vmware_lock_release(struct vmware_lock *lock)
{
	char path[PATH_MAX + NAME_SIZE];

	if (!lock)
		return;
	if (*lock->member) {
		snprintf(path, sizeof(path), "%s/%s", lock->folder, lock->member);
		unlink(path);
		rmdir(lock->folder);
	}
	free(lock);
}
