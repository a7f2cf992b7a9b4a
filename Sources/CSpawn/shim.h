// Two calls that glibc and musl have and Swift's Glibc module does not show (they stand behind _GNU_SOURCE).
#ifdef __linux__
#include <spawn.h>

int pipe2(int descriptors[2], int flags);
int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *actions, const char *path);
#endif
