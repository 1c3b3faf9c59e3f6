/*
 * Records what a program asks of the disk below one folder: put between the program and libc by LD_PRELOAD. Linux with
 * glibc; its user is disk-record.ts.
 *
 *   DISK_RECORD_FOLDER  it and the files below it are recorded, no others
 *   DISK_RECORD_TRACE   the file that gets the records
 *   DISK_RECORD_MARKS   a file: what is written to it becomes a mark in the trace; "die" kills the process
 *   DISK_RECORD_DIE     the process is killed after so many calls: before a sync, or when the system has what a write to a
 *                       descriptor with O_DSYNC is to put on disk, and the disk has not
 *   DISK_RECORD_SOCKETS set: what is written to sockets is recorded too
 *
 * A record, little-endian: length of all of it (4), kind (4), name of the call (8), inode (8), offset (8), length of path,
 * second path and bytes (4 each), 1 when the bytes are zeroes that are left out (4), then the three. A call that takes time has a record
 * before it and an END with its result (as offset) behind it; one that changes names has one behind it, when it succeeded,
 * with the permissions of what was made as offset. Several processes have one trace: its order is the order of all.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { END = 1, WRITE, WRITE_SYNCED, SYNC, TRUNCATE, CREATE, MKDIR, RENAME, UNLINK, LINK, MARK, SOCKET };

struct head {
  uint32_t length, kind;
  uint64_t call, inode;
  int64_t offset;
  uint32_t path, second, bytes, zeroes;
};

/* Looked up once: the lookup takes a lock, which a process that was just forked may find taken for ever. */
#define REAL(name)                                                                      \
  ({                                                                                    \
    static __typeof__(&name) real;                                                      \
    if (real == NULL) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                \
    real;                                                                               \
  })

/* Held for reading by each call that is under way: who dies lets the others come to their ends. */
static pthread_rwlock_t under_way = PTHREAD_RWLOCK_INITIALIZER;

static uint64_t calls;
static uint64_t new_call(void) {
  return ((uint64_t)getpid() << 32) | (uint32_t)__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
}

static int below(const char *path) {
  const char *folder = getenv("DISK_RECORD_FOLDER");
  size_t length = folder == NULL ? 0 : strlen(folder);
  return length > 0 && strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

/* The bytes of several parts are recorded as one. System calls only: not ours again. One writev to a file with O_APPEND
 * is one record, whichever threads and processes write beside it. */
static void record(enum kind kind, uint64_t call, uint64_t inode, int64_t offset, const char *path, const char *second,
                   const struct iovec *parts, int count) {
  static int to = -1;
  int error = errno;
  struct iovec all[1024];
  struct head head = {0, kind, call, inode, offset, path ? strlen(path) : 0, second ? strlen(second) : 0, 0, 1};
  if (count > 1020) abort();
  for (int n = 0; n < count; n++) {
    const char *bytes = parts[n].iov_base;
    head.bytes += parts[n].iov_len;
    if (parts[n].iov_len == 0 || head.zeroes == 0) continue;
    if (bytes[0] != 0 || memcmp(bytes, bytes + 1, parts[n].iov_len - 1) != 0) head.zeroes = 0;
  }
  if (count == 0) head.zeroes = 0;
  head.length = sizeof head + head.path + head.second + (head.zeroes ? 0 : head.bytes);
  all[0] = (struct iovec){&head, sizeof head};
  all[1] = (struct iovec){(void *)path, head.path};
  all[2] = (struct iovec){(void *)second, head.second};
  for (int n = 0; n < count; n++) all[3 + n] = parts[n];
  if (to < 0) {
    const char *trace = getenv("DISK_RECORD_TRACE");
    if (trace == NULL) return;
    to = syscall(SYS_openat, AT_FDCWD, trace, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  }
  if (syscall(SYS_writev, to, all, head.zeroes ? 3 : 3 + count) != (long)head.length) abort();
  errno = error;
}

/* What a descriptor is: 0 when it is not recorded. */
enum what { NOTHING = 0, FILE_BELOW, MARKS, A_SOCKET };
static enum what concerns(int fd, struct stat *s) {
  char link[64], path[PATH_MAX];
  int error = errno;
  enum what what = NOTHING;
  if (fstat(fd, s) == 0) {
    if (S_ISSOCK(s->st_mode)) what = getenv("DISK_RECORD_SOCKETS") ? A_SOCKET : NOTHING;
    else if (S_ISREG(s->st_mode) || S_ISDIR(s->st_mode)) {
      snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
      ssize_t length = readlink(link, path, PATH_MAX - 1);
      if (length > 0) {
        const char *marks = getenv("DISK_RECORD_MARKS");
        path[length] = 0;
        if (marks != NULL && strcmp(path, marks) == 0) what = MARKS;
        else if (below(path)) what = FILE_BELOW;
      }
    }
  }
  errno = error;
  return what;
}

static void end(uint64_t call, int64_t result) { record(END, call, 0, result, NULL, NULL, NULL, 0); }

static int is_to_die(void) {
  const char *from = getenv("DISK_RECORD_DIE");
  return from != NULL && (long)(uint32_t)calls >= atol(from);
}

static void die(void) {
  pthread_rwlock_wrlock(&under_way);
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

/* The system has the bytes, and the process is killed before they are on disk. */
static void die_writing(int fd, uint64_t inode, int64_t at, const struct iovec *parts, int count) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  int plain = syscall(SYS_openat, AT_FDCWD, link, O_WRONLY | O_CLOEXEC);
  uint64_t call = new_call();
  if (plain < 0) abort();
  pthread_rwlock_wrlock(&under_way);
  record(WRITE, call, inode, at, NULL, NULL, parts, count);
  end(call, syscall(SYS_pwritev, plain, parts, count, at, 0));
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

#define WRITING(fd, at, parts, count, real)                                                            \
  do {                                                                                                 \
    struct stat s;                                                                                     \
    enum what what = concerns(fd, &s);                                                                 \
    if (what == NOTHING) return real;                                                                  \
    uint64_t call = new_call();                                                                        \
    int flags = syscall(SYS_fcntl, fd, F_GETFL);                                                       \
    int64_t where = what != FILE_BELOW ? 0 : (flags & O_APPEND) ? s.st_size : (at);                    \
    enum kind kind = what == MARKS ? MARK : what == A_SOCKET ? SOCKET : (flags & O_DSYNC) ? WRITE_SYNCED : WRITE; \
    if (kind == WRITE_SYNCED && is_to_die()) die_writing(fd, s.st_ino, where, parts, count);           \
    if (kind == MARK && (parts)[0].iov_len == 3 && memcmp((parts)[0].iov_base, "die", 3) == 0) die();  \
    pthread_rwlock_rdlock(&under_way);                                                                 \
    record(kind, call, s.st_ino, where, NULL, NULL, parts, count);                                     \
    ssize_t result = real;                                                                             \
    end(call, result);                                                                                 \
    pthread_rwlock_unlock(&under_way);                                                                 \
    return result;                                                                                     \
  } while (0)

#define HERE(fd) syscall(SYS_lseek, fd, 0, SEEK_CUR)
#define ONE_PART (&(struct iovec){(void *)bytes, count})

ssize_t write(int fd, const void *bytes, size_t count) { WRITING(fd, HERE(fd), ONE_PART, 1, REAL(write)(fd, bytes, count)); }
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  WRITING(fd, offset, ONE_PART, 1, REAL(pwrite)(fd, bytes, count, offset));
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  WRITING(fd, offset, ONE_PART, 1, REAL(pwrite64)(fd, bytes, count, offset));
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  WRITING(fd, HERE(fd), parts, count, REAL(writev)(fd, parts, count));
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  WRITING(fd, offset, parts, count, REAL(pwritev)(fd, parts, count, offset));
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  WRITING(fd, offset, parts, count, REAL(pwritev64)(fd, parts, count, offset));
}

/* sync_file_range is no promise, and not recorded. */
#define CALLING(kind, fd, offset, real)                               \
  do {                                                                \
    struct stat s;                                                    \
    if (concerns(fd, &s) != FILE_BELOW) return real;                  \
    uint64_t call = new_call();                                       \
    if (kind == SYNC && is_to_die()) die();                           \
    pthread_rwlock_rdlock(&under_way);                                \
    record(kind, call, s.st_ino, offset, NULL, NULL, NULL, 0);        \
    int result = real;                                                \
    end(call, result);                                                \
    pthread_rwlock_unlock(&under_way);                                \
    return result;                                                    \
  } while (0)

int fsync(int fd) { CALLING(SYNC, fd, 0, REAL(fsync)(fd)); }
int fdatasync(int fd) { CALLING(SYNC, fd, 0, REAL(fdatasync)(fd)); }
int ftruncate(int fd, off_t length) { CALLING(TRUNCATE, fd, length, REAL(ftruncate)(fd, length)); }
int ftruncate64(int fd, off64_t length) { CALLING(TRUNCATE, fd, length, REAL(ftruncate64)(fd, length)); }

/* A hole is zeroes, a file that is made longer has them. Both are recorded when they are there. */
static int allocated(int fd, int mode, off_t at, off_t length, int result) {
  static const char zeroes[1 << 20];
  struct iovec parts[256];
  struct stat s;
  int count = 0;
  if (result != 0 || concerns(fd, &s) != FILE_BELOW) return result;
  uint64_t call = new_call();
  if (!(mode & FALLOC_FL_PUNCH_HOLE)) {
    if (mode & FALLOC_FL_KEEP_SIZE) return result;
    record(TRUNCATE, call, s.st_ino, s.st_size, NULL, NULL, NULL, 0);
    end(call, 0);
    return result;
  }
  for (off_t done = 0; done < length; done += sizeof zeroes) {
    if (count == 256) abort();
    off_t left = length - done;
    parts[count++] = (struct iovec){(void *)zeroes, left < (off_t)sizeof zeroes ? (size_t)left : sizeof zeroes};
  }
  record(WRITE, call, s.st_ino, at, NULL, NULL, parts, count);
  end(call, length);
  return result;
}

int fallocate(int fd, int mode, off_t at, off_t length) {
  return allocated(fd, mode, at, length, REAL(fallocate)(fd, mode, at, length));
}

static void name(enum kind kind, const char *path, const char *second) {
  struct stat s;
  int error = errno;
  memset(&s, 0, sizeof s);
  lstat(second ? second : path, &s);
  errno = error;
  record(kind, new_call(), s.st_ino, s.st_mode & 07777, path, second, NULL, 0);
}

/* 1: made; 0: it was there; 2: it was there and is empty now. */
static int opened_anew(const char *path, int flags, int was_there) {
  if ((flags & O_CREAT) && !was_there) return 1;
  return (flags & O_TRUNC) && was_there ? 2 : 0;
}

#define OPENING(path, flags, call)                                                                   \
  do {                                                                                               \
    mode_t mode = 0;                                                                                 \
    if (flags & (O_CREAT | __O_TMPFILE)) {                                                           \
      va_list arguments;                                                                             \
      va_start(arguments, flags);                                                                    \
      mode = va_arg(arguments, mode_t);                                                              \
      va_end(arguments);                                                                             \
    }                                                                                                \
    if (!below(path) || !(flags & (O_CREAT | O_TRUNC))) return call;                                 \
    pthread_rwlock_rdlock(&under_way);                                                               \
    int was_there = syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;                               \
    int fd = call;                                                                                   \
    int anew = fd < 0 ? 0 : opened_anew(path, flags, was_there);                                     \
    if (anew == 1) name(CREATE, path, NULL);                                                         \
    if (anew == 2) {                                                                                 \
      struct stat s;                                                                                 \
      uint64_t id = new_call();                                                                      \
      fstat(fd, &s);                                                                                 \
      record(TRUNCATE, id, s.st_ino, 0, NULL, NULL, NULL, 0);                                        \
      end(id, 0);                                                                                    \
    }                                                                                                \
    pthread_rwlock_unlock(&under_way);                                                               \
    return fd;                                                                                       \
  } while (0)

int open(const char *path, int flags, ...) { OPENING(path, flags, REAL(open)(path, flags, mode)); }
int open64(const char *path, int flags, ...) { OPENING(path, flags, REAL(open64)(path, flags, mode)); }
int openat(int at, const char *path, int flags, ...) { OPENING(path, flags, REAL(openat)(at, path, flags, mode)); }
int openat64(int at, const char *path, int flags, ...) { OPENING(path, flags, REAL(openat64)(at, path, flags, mode)); }

#define NAMING(kind, path, second, concerned, call) \
  do {                                              \
    pthread_rwlock_rdlock(&under_way);              \
    int result = call;                              \
    if (result == 0 && (concerned)) name(kind, path, second); \
    pthread_rwlock_unlock(&under_way);              \
    return result;                                  \
  } while (0)

int rename(const char *from, const char *to) {
  NAMING(RENAME, from, to, below(from) || below(to), REAL(rename)(from, to));
}
int link(const char *from, const char *to) { NAMING(LINK, from, to, below(to), REAL(link)(from, to)); }
int mkdir(const char *path, mode_t mode) { NAMING(MKDIR, path, NULL, below(path), REAL(mkdir)(path, mode)); }
int unlink(const char *path) { NAMING(UNLINK, path, NULL, below(path), REAL(unlink)(path)); }
int remove(const char *path) { NAMING(UNLINK, path, NULL, below(path), REAL(remove)(path)); }
int rmdir(const char *path) { NAMING(UNLINK, path, NULL, below(path), REAL(rmdir)(path)); }
