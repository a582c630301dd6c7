/* Cuts the power of a file system: FS_IOC_SHUTDOWN without flushing its log. */
#include <fcntl.h>
#include <stdint.h>
#include <sys/ioctl.h>

int main(int count, char **words) {
    uint32_t how = 2;
    int fd = count == 2 ? open(words[1], O_RDONLY) : -1;
    return fd < 0 || ioctl(fd, _IOR('X', 125, uint32_t), &how) < 0;
}
