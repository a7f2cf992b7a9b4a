// What glibc and musl have and Swift's Glibc module does not show (it stands behind _GNU_SOURCE).
#ifdef __linux__
#include <spawn.h>

int pipe2(int descriptors[2], int flags);
int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);

// POSIX_SPAWN_SETSID of glibc 2.26 and musl 1.1.22.
enum { pipe_spawn_setsid = 0x80 };
#endif
