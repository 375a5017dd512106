/*
 * Keeps libunwind's hands off the program's file descriptors. From the constructor, before libunwind is first asked.
 */
#ifndef HEAPDUMP_DUMP_LIBUNWIND_PIPE_H
#define HEAPDUMP_DUMP_LIBUNWIND_PIPE_H

/* Loads it if it is not loaded; nothing happens where it is not there, or does not look as expected. */
void hd_libunwind_pipe_init(void);

#endif
