/*
 * A disk that is slow, full, read-only or broken, for one program and one folder: put between the program and libc by
 * LD_PRELOAD. Linux with glibc; its user is disk-fault.ts.
 *
 *   DISK_FAULT_FOLDER   files below it are concerned, no others
 *   DISK_FAULT_CONTROL  a file; while it is there, each line says what to do:
 *                         sync slow 300      each sync, and each write to a descriptor with O_DSYNC, takes 300 ms more
 *                         sync fail 5        it fails with this errno, after it has NOT been done
 *                         write fail 28      writes fail, new zeroes and larger files too
 *                         open fail 30       files opened for writing, created, renamed or removed
 *                         read fail 5        reads fail; not those through a mapping
 *                         read from 8192     only those that reach beyond this offset
 *                         read inode 77      only those of this file, whatever its name becomes
 *   DISK_FAULT_LOG      a file that gets a line for each sync, and for each write that holds marks "<<n>>":
 *                         <begin ns> <end ns> <pid> sync|write <result> <inode> <marks, joined by commas, or -> <path>
 *                       times of CLOCK_MONOTONIC, as process.hrtime has them
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum what { SYNC, WRITE, OPEN, READ };
static const char *const NAMES[] = {"sync", "write", "open", "read"};
#define MARKS 8192

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int below(const char *path) {
  const char *folder = getenv("DISK_FAULT_FOLDER");
  return folder != NULL && strncmp(path, folder, strlen(folder)) == 0;
}

/* The path of a descriptor, if it is concerned. */
static int concerns(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return below(path);
}

/* What the control file says of `what`: the errno to fail with or 0, and the delay or offset. System calls only: not ours again. */
static int wished_of(enum what what, long *slow_ms, unsigned long long inode) {
  const char *control = getenv("DISK_FAULT_CONTROL");
  char text[512];
  *slow_ms = 0;
  if (control == NULL) return 0;
  int fd = syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t length = syscall(SYS_read, fd, text, sizeof text - 1);
  syscall(SYS_close, fd);
  if (length <= 0) return 0;
  text[length] = 0;
  int fails = 0;
  char *rest = text;
  for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
    char name[16], how[16];
    long value;
    if (sscanf(line, "%15s %15s %ld", name, how, &value) != 3 || strcmp(name, NAMES[what]) != 0) continue;
    if (strcmp(how, "inode") == 0) {
      if ((unsigned long long)value != inode) return 0;
    } else if (strcmp(how, "slow") == 0 || strcmp(how, "from") == 0) *slow_ms = value;
    else fails = (int)value;
  }
  return fails;
}

static int wished(enum what what, long *slow_ms) { return wished_of(what, slow_ms, 0); }

static void pause_ms(long ms) {
  struct timespec t = {ms / 1000, (ms % 1000) * 1000000L};
  while (ms > 0 && nanosleep(&t, &t) != 0 && errno == EINTR) {
  }
}

static void record(long long begin, enum what what, long result, int fd, const char *marks, const char *path) {
  const char *log = getenv("DISK_FAULT_LOG");
  struct stat s;
  char line[PATH_MAX + MARKS + 256];
  if (log == NULL) return;
  memset(&s, 0, sizeof s);
  fstat(fd, &s);
  int length = snprintf(line, sizeof line, "%lld %lld %d %s %ld %llu %s %s\n", begin, now(), (int)getpid(), NAMES[what],
                        result, (unsigned long long)s.st_ino, marks[0] ? marks : "-", path);
  int to = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (to < 0) return;
  syscall(SYS_write, to, line, length);
  syscall(SYS_close, to);
}

/* Appends the numbers of all "<<n>>" in a buffer. */
static void find_marks(const char *bytes, size_t length, char *marks) {
  const char *end = bytes + length;
  size_t used = strlen(marks);
  for (const char *at = bytes; (at = memmem(at, end - at, "<<", 2)) != NULL; at += 2) {
    const char *digit = at + 2;
    while (digit < end && *digit >= '0' && *digit <= '9') digit++;
    if (digit == at + 2 || digit + 1 >= end || digit[0] != '>' || digit[1] != '>') continue;
    if (used + (digit - at) + 2 >= MARKS) return;
    if (used > 0) marks[used++] = ',';
    memcpy(marks + used, at + 2, digit - at - 2);
    used += digit - at - 2;
    marks[used] = 0;
  }
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* One call that syncs a descriptor. */
#define SYNCING(fd, call)                         \
  do {                                            \
    char path[PATH_MAX];                          \
    long slow;                                    \
    if (!concerns(fd, path)) return call;         \
    long long begin = now();                      \
    int fails = wished(SYNC, &slow);              \
    pause_ms(slow);                               \
    int result = fails ? -1 : call;               \
    int error = fails ? fails : errno;            \
    record(begin, SYNC, result, fd, "", path);    \
    errno = error;                                \
    return result;                                \
  } while (0)

int fsync(int fd) { SYNCING(fd, REAL(fsync)(fd)); }
int fdatasync(int fd) { SYNCING(fd, REAL(fdatasync)(fd)); }
int syncfs(int fd) { SYNCING(fd, REAL(syncfs)(fd)); }
int sync_file_range(int fd, off64_t offset, off64_t count, unsigned int flags) {
  SYNCING(fd, REAL(sync_file_range)(fd, offset, count, flags));
}
/* Which file a mapping is of is not known here: all of them are concerned. */
int msync(void *address, size_t length, int flags) {
  long slow;
  int fails = wished(SYNC, &slow);
  pause_ms(slow);
  if (fails) {
    errno = fails;
    return -1;
  }
  return REAL(msync)(address, length, flags);
}

/* One call that writes; with O_DSYNC or O_SYNC it is a sync too. */
#define WRITING(fd, call, gather)                                              \
  do {                                                                         \
    char path[PATH_MAX];                                                       \
    char marks[MARKS] = "";                                                    \
    long slow, unused;                                                         \
    if (!concerns(fd, path)) return call;                                      \
    long long begin = now();                                                   \
    int syncs = (syscall(SYS_fcntl, fd, F_GETFL) & O_DSYNC) != 0;              \
    int fails = wished(WRITE, &unused);                                        \
    if (!fails && syncs) fails = wished(SYNC, &slow);                          \
    else slow = 0;                                                             \
    pause_ms(slow);                                                            \
    gather;                                                                    \
    ssize_t result = fails ? -1 : call;                                        \
    int error = fails ? fails : errno;                                         \
    if (marks[0]) record(begin, WRITE, result, fd, marks, path);               \
    if (syncs) record(begin, SYNC, result < 0 ? -1 : 0, fd, "", path);         \
    errno = error;                                                             \
    return result;                                                             \
  } while (0)

static void gather_all(const struct iovec *parts, int count, char *marks) {
  for (int n = 0; n < count; n++) find_marks(parts[n].iov_base, parts[n].iov_len, marks);
}

ssize_t write(int fd, const void *bytes, size_t count) {
  WRITING(fd, REAL(write)(fd, bytes, count), find_marks(bytes, count, marks));
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  WRITING(fd, REAL(pwrite)(fd, bytes, count, offset), find_marks(bytes, count, marks));
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  WRITING(fd, REAL(pwrite64)(fd, bytes, count, offset), find_marks(bytes, count, marks));
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  WRITING(fd, REAL(writev)(fd, parts, count), gather_all(parts, count, marks));
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  WRITING(fd, REAL(pwritev)(fd, parts, count, offset), gather_all(parts, count, marks));
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  WRITING(fd, REAL(pwritev64)(fd, parts, count, offset), gather_all(parts, count, marks));
}

/* One call that reads, up to `end`. */
#define READING(fd, end, call)                                        \
  do {                                                                \
    char path[PATH_MAX];                                              \
    long from;                                                        \
    struct stat s;                                                    \
    if (!concerns(fd, path) || fstat(fd, &s) != 0) return call;       \
    int fails = wished_of(READ, &from, s.st_ino);                     \
    if (!fails || (long)(end) <= from) return call;                   \
    errno = fails;                                                    \
    return -1;                                                        \
  } while (0)

static off64_t here(int fd) { return lseek(fd, 0, SEEK_CUR); }

ssize_t read(int fd, void *bytes, size_t count) { READING(fd, here(fd) + count, REAL(read)(fd, bytes, count)); }
ssize_t pread(int fd, void *bytes, size_t count, off_t offset) {
  READING(fd, offset + count, REAL(pread)(fd, bytes, count, offset));
}
ssize_t pread64(int fd, void *bytes, size_t count, off64_t offset) {
  READING(fd, offset + count, REAL(pread64)(fd, bytes, count, offset));
}

#define GROWING(fd, call)                                             \
  do {                                                                \
    char path[PATH_MAX];                                              \
    long unused;                                                      \
    int fails = concerns(fd, path) ? wished(WRITE, &unused) : 0;      \
    if (!fails) return call;                                          \
    errno = fails;                                                    \
    return -1;                                                        \
  } while (0)

int ftruncate(int fd, off_t length) { GROWING(fd, REAL(ftruncate)(fd, length)); }
int ftruncate64(int fd, off64_t length) { GROWING(fd, REAL(ftruncate64)(fd, length)); }
int fallocate(int fd, int mode, off_t offset, off_t length) { GROWING(fd, REAL(fallocate)(fd, mode, offset, length)); }

/* Whether a path may not be changed now; relative ones are not ours. */
static int is_forbidden(const char *path) {
  long unused;
  int fails = below(path) ? wished(OPEN, &unused) : 0;
  if (fails) errno = fails;
  return fails != 0;
}

#define OPENING(path, flags, call)                                                              \
  do {                                                                                          \
    mode_t mode = 0;                                                                            \
    if (flags & (O_CREAT | __O_TMPFILE)) {                                                      \
      va_list arguments;                                                                        \
      va_start(arguments, flags);                                                               \
      mode = va_arg(arguments, mode_t);                                                         \
      va_end(arguments);                                                                        \
    }                                                                                           \
    if ((flags & (O_CREAT | O_WRONLY | O_RDWR | O_TRUNC)) && is_forbidden(path)) return -1;     \
    return call;                                                                                \
  } while (0)

int open(const char *path, int flags, ...) { OPENING(path, flags, REAL(open)(path, flags, mode)); }
int open64(const char *path, int flags, ...) { OPENING(path, flags, REAL(open64)(path, flags, mode)); }
int rename(const char *from, const char *to) { return is_forbidden(to) ? -1 : REAL(rename)(from, to); }
int unlink(const char *path) { return is_forbidden(path) ? -1 : REAL(unlink)(path); }
int mkdir(const char *path, mode_t mode) { return is_forbidden(path) ? -1 : REAL(mkdir)(path, mode); }
