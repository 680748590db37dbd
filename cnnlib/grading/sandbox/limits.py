"""What a submission may use up; `process.py` watches what no limit of the system bounds."""

MEMORY = 3 << 29                 # bytes of address space; pipes, /tmp and what is watched come on top: 2 GB together
SECONDS = 200                    # of processor time; above marking.TOTAL_SECONDS, so that only what is slow is lost
TMP = 16 << 20                   # bytes of /tmp
FILES = 4096                     # of /tmp; each takes 1 kB of the kernel's memory
PAGE_TABLES = 64 << 10           # kB; a page of a sparse mapping takes two or three pages of them
WATCH = 0.1                      # seconds between two looks at the last two
REPLY = 32 << 20                 # bytes of an answer

# Both limits of each: soft and hard. Virtual memory and file size in kB or blocks of 512 bytes, as POSIX has it.
ULIMIT = ["/bin/sh", "-c", f"ulimit -v {MEMORY >> 10} && ulimit -t {SECONDS} && ulimit -f {TMP >> 9} && ulimit -c 0 "
          '&& ulimit -n 64 && exec "$@"', "sh"]
