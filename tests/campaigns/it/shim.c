/* Stands between a program and the system: the n-th call that touches a folder goes wrong.
 *
 * SHIM_DIR     what a path must contain to count
 * SHIM_CALLS   names of calls, separated by commas
 * SHIM_NTH     the call that goes wrong, from 1, counted over the whole process
 * SHIM_ACTION  eio | enospc | short | torn | swallow | hang
 * SHIM_ALWAYS  set: every later call goes wrong as well
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;
static atomic_int told;

static long nth(void) {
    const char *text = getenv("SHIM_NTH");
    return text ? atol(text) : 0;
}

static int is(const char *action) {
    const char *text = getenv("SHIM_ACTION");
    return text && strcmp(text, action) == 0;
}

static int names(const char *call) {
    const char *list = getenv("SHIM_CALLS");
    size_t length = strlen(call);
    for (const char *at = list; at && (at = strstr(at, call)); at += length) {
        int begins = at == list || at[-1] == ',';
        int ends = at[length] == 0 || at[length] == ',';
        if (begins && ends) return 1;
    }
    return 0;
}

static int concerns_path(const char *path) {
    const char *dir = getenv("SHIM_DIR");
    return dir && path && strstr(path, dir) != NULL;
}

static int concerns_fd(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return concerns_path(path);
}

/* Whether this call, which counts, is one that goes wrong. */
static int fires(const char *call, const char *path, int fd) {
    long number = atomic_fetch_add(&calls, 1) + 1, at = nth();
    int goes_wrong = number == at || (getenv("SHIM_ALWAYS") && number > at);
    if (goes_wrong && !atomic_exchange(&told, 1)) {
        char link[64], named[4096] = "?", line[4300];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t end = path ? -1 : readlink(link, named, sizeof named - 1);
        if (end >= 0) named[end] = 0;
        int length = snprintf(line, sizeof line, "shim: %s %ld %s\n", call, number,
                              path ? path : named);
        syscall(SYS_write, 2, line, (size_t)length);
    }
    return goes_wrong;
}

static void die(void) { syscall(SYS_kill, getpid(), SIGKILL); }

/* A disk that does not answer. */
static void hang(void) {
    for (;;) pause();
}

/* What a call without data gives when it goes wrong. */
static int refuse(void) {
    if (is("hang")) hang();
    if (is("swallow")) return 0;
    if (is("torn")) die();
    errno = is("enospc") ? ENOSPC : EIO;
    return -1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static ssize_t put(int fd, const void *data, size_t length, off64_t at, int is_at) {
    if (is_at) return syscall(SYS_pwrite64, fd, data, length, at);
    return syscall(SYS_write, fd, data, length);
}

static ssize_t writes(const char *call, int fd, const void *data, size_t length, off64_t at,
                      int is_at) {
    if (fd < 3 || !names(call) || !concerns_fd(fd) || !fires(call, NULL, fd))
        return put(fd, data, length, at, is_at);
    if (is("hang")) hang();
    if ((is("short") || is("torn")) && length > 1) {
        ssize_t half = put(fd, data, length / 2, at, is_at);
        if (is("torn")) die();
        return half;
    }
    if (is("short")) return put(fd, data, length, at, is_at);
    if (is("torn")) die();
    errno = is("enospc") ? ENOSPC : EIO;
    return -1;
}

ssize_t write(int fd, const void *data, size_t length) {
    return writes("write", fd, data, length, 0, 0);
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) {
    return writes("pwrite64", fd, data, length, at, 1);
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
    return writes("pwrite64", fd, data, length, at, 1);
}

static ssize_t reads(const char *call, int fd, void *data, size_t length, off64_t at, int is_at) {
    if (fd > 2 && names(call) && concerns_fd(fd) && fires(call, NULL, fd)) return refuse();
    if (is_at) return syscall(SYS_pread64, fd, data, length, at);
    return syscall(SYS_read, fd, data, length);
}

ssize_t read(int fd, void *data, size_t length) { return reads("read", fd, data, length, 0, 0); }
ssize_t pread(int fd, void *data, size_t length, off_t at) {
    return reads("pread64", fd, data, length, at, 1);
}
ssize_t pread64(int fd, void *data, size_t length, off64_t at) {
    return reads("pread64", fd, data, length, at, 1);
}

#define ON_FD(name, fd, ...) \
    (names(#name) && concerns_fd(fd) && fires(#name, NULL, fd) ? refuse() : REAL(name)(__VA_ARGS__))
#define ON_PATH(name, path, ...) \
    (names(#name) && concerns_path(path) && fires(#name, path, -1) ? refuse() : REAL(name)(__VA_ARGS__))

int fsync(int fd) { return ON_FD(fsync, fd, fd); }
int fdatasync(int fd) { return ON_FD(fdatasync, fd, fd); }
int sync_file_range(int fd, off64_t at, off64_t length, unsigned int flags) {
    return ON_FD(sync_file_range, fd, fd, at, length, flags);
}
int ftruncate(int fd, off_t length) { return ON_FD(ftruncate, fd, fd, length); }
int ftruncate64(int fd, off64_t length) {
    return names("ftruncate") && concerns_fd(fd) && fires("ftruncate", NULL, fd)
               ? refuse() : REAL(ftruncate64)(fd, length);
}
int rename(const char *from, const char *to) { return ON_PATH(rename, from, from, to); }
int unlink(const char *path) { return ON_PATH(unlink, path, path); }
int unlinkat(int fd, const char *path, int flags) {
    return names("unlink") && concerns_fd(fd) && fires("unlink", path, fd)
               ? refuse() : REAL(unlinkat)(fd, path, flags);
}
int mkdir(const char *path, mode_t mode) { return ON_PATH(mkdir, path, path, mode); }

static int opens(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode) {
    if (names("open") && concerns_path(path) && fires("open", path, -1)) return refuse();
    return real(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opens(REAL(open), path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opens(REAL(open64), path, flags, mode);
}
