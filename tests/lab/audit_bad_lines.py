"""Command lines that nmap refuses or warns of, and where trawl means to answer otherwise."""

# Answered in nmap's words and with its exit code.
SAME = r"""
--foo 127.0.0.1
-Z 127.0.0.1
-sQ 127.0.0.1
-p 127.0.0.1
-p 99999 127.0.0.1
-p 5-3 127.0.0.1
-p -5-3 127.0.0.1
-p abc 127.0.0.1
-p X:80 127.0.0.1
-p [80 127.0.0.1
-p 1,,2 127.0.0.1
-p 80;90 127.0.0.1
-p "" 127.0.0.1
-p 0x50 127.0.0.1
-p 80- -p 90 127.0.0.1
--exclude-ports 99999 127.0.0.1
--top-ports 0 127.0.0.1
--top-ports x 127.0.0.1
--top-ports 99999 127.0.0.1
--port-ratio 2 127.0.0.1
--port-ratio -1 127.0.0.1
-F -p 80 127.0.0.1
-F --top-ports 10 127.0.0.1
-T9 127.0.0.1
-Tfast 127.0.0.1
--max-retries -1 127.0.0.1
--host-timeout -1s 127.0.0.1
--host-timeout abc 127.0.0.1
--host-timeout 900000 127.0.0.1
--scan-delay -1 127.0.0.1
--scan-delay x 127.0.0.1
--scan-delay 900000 127.0.0.1
--max-scan-delay -5 127.0.0.1
--max-rtt-timeout 900000 127.0.0.1
--max-rtt-timeout 3ms 127.0.0.1
--initial-rtt-timeout 0 127.0.0.1
--min-rtt-timeout -1 127.0.0.1
--min-rate 100 --max-rate 10 127.0.0.1
--min-rate 0 127.0.0.1
--max-rate x 127.0.0.1
--max-rate -5 127.0.0.1
--min-parallelism 0 127.0.0.1
--max-parallelism -1 127.0.0.1
--max-parallelism x 127.0.0.1
--min-parallelism 10 --max-parallelism 5 127.0.0.1
--min-hostgroup 10 --max-hostgroup 5 127.0.0.1
--ttl 256 127.0.0.1
--ttl -1 127.0.0.1
--data xyz 127.0.0.1
--data 0x1 127.0.0.1
--data 1 127.0.0.1
--data "" 127.0.0.1
--data 00 --data-length 5 127.0.0.1
--data-string "" 127.0.0.1
--data-length -1 127.0.0.1
--data-length 99999 127.0.0.1
--mtu 7 127.0.0.1
--mtu 0 127.0.0.1
--mtu 15 127.0.0.1
-f --mtu 8 127.0.0.1
--scanflags 999 127.0.0.1
--spoof-mac nosuchvendor 127.0.0.1
--spoof-mac 11:22:33:44:55:66:77 127.0.0.1
-e nosuch0 127.0.0.1
-e nosuch0 -Pn 127.0.0.1
-g 0 -p1 127.0.0.1
-D RND:0 127.0.0.1
-D ME,ME 127.0.0.1
-sS -sT 127.0.0.1
-sS -sA 127.0.0.1
-sN -sF 127.0.0.1
-sL -sS 127.0.0.1
-sn -sS 127.0.0.1
-sn -p80 127.0.0.1
-sL -p80 127.0.0.1
-sO -sS 127.0.0.1
-sO -p 300 127.0.0.1
-sW -sM 127.0.0.1
-PS99999 127.0.0.1
-PSx 127.0.0.1
-PO300 127.0.0.1
-PZ 127.0.0.1
-PB80 127.0.0.1
-PE -PQ 127.0.0.1
-n -6 -p1 127.0.0.1
::1
-6 -PP ::1
-6 -PM ::1
-6 -f ::1
-oX
-oA - 127.0.0.1
-oX -v -p1 127.0.0.1
-oX /nonexistent/x 127.0.0.1
-oN /nonexistent/x 127.0.0.1
-oG /nonexistent/x 127.0.0.1
-oA /nonexistent/x 127.0.0.1
-iL /nonexistent
-iL /dev/null
-iR
--exclude 300.1.1.1 127.0.0.1
--excludefile /nonexistent 127.0.0.1
--exclude 127.0.0.1 --excludefile /dev/null 127.0.0.1
--stats-every x 127.0.0.1
--stats-every -1 127.0.0.1
--host-time 127.0.0.1
--max-r 5 127.0.0.1
--m 5 127.0.0.1
--open=3 127.0.0.1
--badsum=1 127.0.0.1
--ttl
-vx 127.0.0.1
-dx 127.0.0.1
-P 127.0.0.1
-n -R -p1 127.0.0.1
--unprivileged -f 127.0.0.1
--unprivileged -D 1.2.3.4 127.0.0.1
--unprivileged -PE -sT -p1 127.0.0.1
--send-eth --send-ip -p1 127.0.0.1
300.1.1.1
127.0.0.1/33
127.0.0.1/-1
127.0.0.1/x
no.such.name.invalid
"""

# (line, trawl's exit code, what it says, why not as nmap).
OTHERWISE = [
    ("-D RND:999 127.0.0.1", 1, "You are only allowed 128 decoys", "nmap names a file of its source"),
    ("-T 127.0.0.1", 1, "Unknown timing mode", "nmap looks at the first letter, and scans nothing"),
    ("--max-retries x 127.0.0.1", 1, "max-retries must be positive", "nmap reads it as 0"),
    ("--ttl x 127.0.0.1", 1, "ttl option must be a number", "nmap reads it as 0"),
    ("--data-length x 127.0.0.1", 1, "data-length", "nmap reads it as 0"),
    ("-g x 127.0.0.1", 1, "Source port number must be between", "nmap reads it as 0"),
    ("-g 99999 127.0.0.1", 1, "Source port number must be between", "nmap takes it modulo 65536"),
    ("--min-hostgroup 0 127.0.0.1", 1, "--min-hostgroup must be at least 1",
     "nmap takes it and means 1"),
    ("--max-hostgroup -1 127.0.0.1", 1, "--max-hostgroup must be at least 1", "nmap aborts"),
    ("--min-rtt-timeout 10s --max-rtt-timeout 1s 127.0.0.1", 1, "cannot be greater than",
     "nmap drops one of the two without a word"),
    ("--scanflags XYZ 127.0.0.1", 1, "--scanflags option must be", "nmap sends no flags at all"),
    ("--stats-every 0 127.0.0.1", 1, "Bogus --stats-every argument", "nmap takes it as never"),
    ("-d99x 127.0.0.1", 1, 'Invalid argument to -d: "99x"', "nmap reads only digits"),
    ("-q 127.0.0.1", 255, "unrecognized option '-q'", "-q has had no meaning for years"),
    ("-I 127.0.0.1", 255, "unrecognized option '-I'", "-I has had no meaning for years"),
    ("-o 127.0.0.1", 255, "'-o' is ambiguous", "nmap's oldest -o writes a file without a word"),
    ("-oQ x 127.0.0.1", 255, "unrecognized option '-oQ'", "nmap writes a file named Q"),
    ("-i x 127.0.0.1", 255, "'-i' is ambiguous", "nmap's oldest -i is -iL"),
    ("-s 127.0.0.1", 255, "not supported", "other words, same end"),
    ("-oX - -oN - 127.0.0.1", 1, "Cannot display multiple output types to stdout",
     "nmap mixes them"),
    ("--ip-options Q 127.0.0.1", 1, "--ip-options: neither", "all of them are named"),
    ('--ip-options "L 1.2.3" 127.0.0.1', 1, "1.2.3 is no IPv4 address", "other words, same end"),
    ("-S 300.1.1.1 127.0.0.1", 1, 'supposed IPv4 source address "300.1.1.1"',
     "no resolver's words: none was asked"),
    ("-D 300.1.1.1 127.0.0.1", 1, 'Failed to resolve decoy host "300.1.1.1"', "as above"),
    ('-D "" 127.0.0.1', 1, 'Failed to resolve decoy host ""', "as above"),
    ("--unprivileged -sS 127.0.0.1", 1,
     "You requested a scan type which requires root privileges (CAP_NET_RAW); -sT does not.",
     "what would help is said"),
    ("--unprivileged -sU 127.0.0.1", 1, "requires root privileges (CAP_NET_RAW)", "as above"),
    ("--servicedb /nonexistent -p1 127.0.0.1", 1, "Unable to open /nonexistent",
     "the file is missing before the options clash"),
    ("", 2, "usage: trawl", "trawl has other commands too"),
]
