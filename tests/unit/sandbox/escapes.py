"""Ways out of a sandbox, as Python code that calls ``escaped()`` when it has got out.

``control`` says when the same code gets out without a sandbox: always, only as root, or where the
kernel offers the call at all (``maybe``).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ESCAPES", "Escape"]


@dataclass(frozen=True)
class Escape:
    """A way out."""

    name: str
    code: str
    control: str = "always"


_FILES = (
    Escape("read outside", "open(w['secret']).read(); escaped()"),
    Escape("list outside", "os.listdir(w['outside']); escaped()"),
    Escape("list the folder above", "assert 'outside' in os.listdir('..'); escaped()"),
    Escape("append outside", "open(w['secret'], 'a').write(''); escaped()"),
    Escape("create outside", "open(w['outside'] + '/made', 'x'); escaped()"),
    Escape("make a folder outside", "os.mkdir(w['outside'] + '/folder'); escaped()"),
    Escape(
        "delete outside",
        "os.unlink(w['outside'] + '/made'); escaped()",
    ),
    Escape(
        "move in from outside",
        "os.rename(w['outside'] + '/folder', w['granted'] + '/folder'); escaped()",
    ),
    Escape("hard link to outside", "os.link(w['secret'], 'hard'); escaped()"),
    Escape(
        "symbolic link to outside",
        "os.symlink(w['secret'], 'soft'); open('soft').read(); escaped()",
    ),
    Escape(
        "symbolic link to a folder outside",
        "os.symlink(w['outside'], 'way'); open('way/secret.txt').read(); escaped()",
    ),
    Escape("path through the grant", "open(w['granted'] + '/../outside/secret.txt'); escaped()"),
    Escape(
        "write to what may be read",
        "open(w['readable'] + '/file.txt', 'r+').write('x'); escaped()",
    ),
    Escape("create in what may be read", "open(w['readable'] + '/new', 'x'); escaped()"),
    Escape("truncate what may be read", "os.truncate(w['readable'] + '/file.txt', 0); escaped()"),
    Escape("chmod what may be read", "os.chmod(w['readable'] + '/file.txt', 0o600); escaped()"),
    Escape("chmod outside", "os.chmod(w['secret'], 0o600); escaped()"),
    Escape("utime outside", "os.utime(w['secret']); escaped()"),
    Escape("chown outside", "os.chown(w['secret'], os.getuid(), os.getgid()); escaped()"),
    Escape("attribute outside", "os.setxattr(w['secret'], 'user.a', b'b'); escaped()", "maybe"),
    Escape(
        "watch outside",
        "call('inotify_add_watch', libc.inotify_init(), w['outside'].encode(), 0xfff); escaped()",
    ),
    Escape("users of the system", "assert 'root' in open('/etc/passwd').read(); escaped()"),
    Escape("passwords of the system", "open('/etc/shadow').read(); escaped()", "root"),
    Escape("shared memory", "open(w['shared']).read(); escaped()"),
    Escape("write to the system", "open('/usr/ruster-x', 'x'); os.unlink('/usr/ruster-x');"
           "escaped()", "root"),
    Escape("write to the root", "open('/ruster-x', 'x'); os.unlink('/ruster-x'); escaped()",
           "root"),
    Escape("list the devices of the machine", "os.listdir('/sys/class'); escaped()"),
    Escape("make a device", "os.mknod('device', 0o060600, os.makedev(8, 0));"
           "os.unlink('device'); escaped()", "root"),
    Escape("the kernel's messages", "os.open('/dev/kmsg', os.O_RDONLY); escaped()", "root"),
    Escape("settings of the kernel",
           "os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY); escaped()", "root"),
    Escape("the kernel's emergency keys", "os.open('/proc/sysrq-trigger', os.O_WRONLY); escaped()",
           "maybe"),
    Escape("a file by its handle", "reached('open_by_handle_at', -1, 0, 0); escaped()", "root"),
)  # fmt: skip

_PROCESSES = (
    Escape("environment of another", "assert w['mark'] in open(f\"/proc/{w['victim']}/environ\")"
           ".read(); escaped()"),
    Escape("environment of any", """
for pid in filter(str.isdigit, os.listdir('/proc')):
    try:
        found = w['mark'] in open(f'/proc/{pid}/environ').read()
    except OSError:
        found = False
    if found:
        escaped()
        break
"""),
    Escape("memory of another", "open(f\"/proc/{w['victim']}/mem\", 'rb'); escaped()"),
    Escape("root of another", "open(f\"/proc/{w['victim']}/root{w['secret']}\"); escaped()"),
    Escape("root of the first", "open('/proc/1/root' + w['secret']); escaped()", "maybe"),
    Escape("folder of another", "os.listdir(f\"/proc/{w['victim']}/cwd/\"); escaped()"),
    Escape("descriptors of another", "os.listdir(f\"/proc/{w['victim']}/fd\"); escaped()"),
    Escape("signal to another", "os.kill(w['victim'], signal.SIGCONT); escaped()"),
    Escape("signal by descriptor", "fd = os.pidfd_open(w['victim']);"
           "signal.pidfd_send_signal(fd, signal.SIGCONT); escaped()"),
    Escape("signal to a thread", "call('tgkill', w['victim'], w['victim'], 18); escaped()"),
    Escape("signal by ownership", """
fcntl.fcntl(0, fcntl.F_SETOWN, w['victim'])
pair = socket.socketpair()
fcntl.fcntl(pair[0], fcntl.F_SETOWN, w['victim'])
libc.fcntl(pair[0].fileno(), 10, signal.SIGUSR1)
fcntl.fcntl(pair[0], fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
pair[1].send(b'x')
time.sleep(.05)
os.kill(w['victim'], signal.SIGCONT)
escaped()
"""),
    Escape("limits of another",
           "resource.prlimit(w['victim'], resource.RLIMIT_CORE); escaped()"),
    Escape("priority of another",
           "os.setpriority(os.PRIO_PROCESS, w['victim'], 5); escaped()"),
    Escape("processor of another",
           "os.sched_setaffinity(w['victim'], os.sched_getaffinity(0)); escaped()"),
    Escape("ptrace", "call('ptrace', 0x4206, w['victim'], 0, 0); escaped()"),
    Escape("reading memory", """
buffer = ctypes.create_string_buffer(8)
reached('process_vm_readv', w['victim'], 0, 0, 0, 0, 0)
escaped()
"""),
    Escape("writing memory",
           "reached('process_vm_writev', w['victim'], 0, 0, 0, 0, 0); escaped()"),
    Escape("taking a descriptor",
           "reached('pidfd_getfd', os.pidfd_open(w['victim']), 0, 0); escaped()"),
    Escape("comparing kernel pointers",
           "reached('kcmp', os.getpid(), os.getpid(), 1, 0, 0); escaped()", "maybe"),
    Escape("new privileges", "assert libc.prctl(39, 0, 0, 0, 0) == 0; escaped()"),
    Escape("capabilities", "assert libc.prctl(23, 21, 0, 0, 0) == 1;"
           "buffer = ctypes.create_string_buffer(24);"
           "call('capget', struct.pack('Ii', 0x20080522, 0), buffer);"
           "assert struct.unpack('I', buffer.raw[:4])[0]; escaped()", "root"),
    Escape("another user", "os.setuid(12345); escaped()", "root"),
    Escape("another group", "os.setgroups([0]); escaped()", "root"),
    Escape("the machine's name", "reached('sethostname', b'x', -1); escaped()", "root"),
    Escape("higher limits", """
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 65))
escaped()
""", "maybe"),
    Escape("core dumps", "resource.setrlimit(resource.RLIMIT_CORE, (1, 1)); escaped()", "maybe"),
    Escape("inherited environment", "assert w['mark'] in os.environ.values(); escaped()"),
    Escape("inherited descriptors", """
for fd in range(3, 1024):
    try:
        os.fstat(fd)
    except OSError:
        continue
    escaped()
    break
"""),
    Escape("a folder's descriptor", """
for fd in range(0, 1024):
    try:
        os.open('outside', os.O_PATH, dir_fd=fd)
        os.open('../outside', os.O_PATH, dir_fd=fd)
    except OSError:
        continue
os.stat(w['granted'] + '/../outside/secret.txt')
open(w['granted'] + '/../outside/secret.txt')
escaped()
"""),
)  # fmt: skip

_NETWORK = (
    Escape("TCP", "socket.create_connection(('127.0.0.1', w['tcp'])); escaped()"),
    Escape("TCP over IPv6", "socket.socket(socket.AF_INET6); escaped()", "maybe"),
    Escape("a TCP server", "socket.create_server(('127.0.0.1', 0)); escaped()"),
    Escape("UDP", "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
           "s.sendto(b'x', ('127.0.0.1', 9)); escaped()"),
    Escape("ICMP", "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); escaped()", "root"),
    Escape("packets", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW); escaped()", "root"),
    Escape("netlink", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); escaped()"),
    Escape("the kernel's ciphers", "socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET);"
           "escaped()", "maybe"),
    Escape("the hypervisor", "socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM); escaped()",
           "maybe"),
    Escape("a UNIX socket", "s = socket.socket(socket.AF_UNIX); s.connect(w['socket']); escaped()"),
    Escape("an abstract UNIX socket", "s = socket.socket(socket.AF_UNIX);"
           "s.connect('\\0' + w['abstract']); escaped()"),
    Escape("a pair turned away", "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM);"
           "a.sendto(b'x', w['datagrams']); escaped()"),
    Escape("a stream turned away", "a, b = socket.socketpair(); b.close();"
           "call('connect', a.fileno(), struct.pack('H', 1) + b'/x', 4)", "never"),
)  # fmt: skip

_SYSTEM = (
    Escape("user namespace", "call('unshare', 0x10000000); escaped()", "maybe"),
    Escape("mount namespace", "call('unshare', 0x00020000); escaped()", "root"),
    Escape("network namespace", "call('unshare', 0x40000000); escaped()", "root"),
    Escape("namespace by clone", """
pid = call('clone', 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
if not pid:
    os._exit(0)
os.waitpid(pid, 0)
escaped()
""", "maybe"),
    Escape("namespace by clone3", """
pid = call('clone3', struct.pack('11Q', 0x10000000, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0), 88)
if not pid:
    os._exit(0)
os.waitpid(pid, 0)
escaped()
""", "maybe"),
    Escape("joining a namespace", "reached('setns', -1, 0); escaped()"),
    Escape("mount", "reached('mount', 0, 0, 0, 0, 0); escaped()", "root"),
    Escape("umount", "reached('umount2', b'/nothing', 0); escaped()", "root"),
    Escape("new mounts", "reached('fsopen', b'nothing', 0); escaped()", "root"),
    Escape("moved mounts", "reached('move_mount', -1, b'', -1, b'', 0); escaped()", "root"),
    Escape("copied mounts", "reached('open_tree', -100, b'/', 1); escaped()", "root"),
    Escape("chroot", "reached('chroot', b'/nothing'); escaped()"),
    Escape("pivot_root", "reached('pivot_root', b'/nothing', b'/nothing'); escaped()", "root"),
    Escape("keys", "call('keyctl', 0, -3, 0); escaped()", "maybe"),
    Escape("adding a key", "reached('add_key', b'user', b'a', b'b', 1, -3); escaped()", "maybe"),
    Escape("asking for a key", "reached('request_key', b'user', b'a', 0, 0); escaped()", "maybe"),
    Escape("bpf", "reached('bpf', 0, bytes(64), 64); escaped()", "root"),
    Escape("io_uring", "reached('io_uring_setup', 1, bytes(120)); escaped()", "maybe"),
    Escape("perf events", "reached('perf_event_open', bytes(128), 0, -1, -1, 0); escaped()",
           "maybe"),
    Escape("userfaultfd", "reached('userfaultfd', 1); escaped()", "maybe"),
    Escape("another kernel", "reached('kexec_load', 0, 0, 0, -1); escaped()", "maybe"),
    Escape("a module", "reached('init_module', 0, 0, 0); escaped()", "maybe"),
    Escape("a module's removal", "reached('delete_module', b'nothing', 0); escaped()", "maybe"),
    Escape("reboot", "reached('reboot', 1, 2, 3, 0); escaped()", "root"),
    Escape("swap", "reached('swapon', b'/nothing', 0); escaped()", "maybe"),
    Escape("the time", "reached('settimeofday', 0, 0); reached('clock_settime', 99, 0);"
           "escaped()", "root"),
    Escape("personality", "call('personality', 0x0040000); escaped()"),
    Escape("accounting", "reached('acct', b'/nothing'); escaped()", "maybe"),
    Escape("the kernel's log", "call('syslog', 10, 0, 0); escaped()", "root"),
    Escape("memory without a limit", "call('memfd_create', b'a', 0); escaped()"),
    Escape("shared memory of System V", "call('shmget', 0, 4096, 0o600); escaped()", "maybe"),
    Escape("messages of System V", "call('msgget', 0, 0o600); escaped()", "maybe"),
    Escape("semaphores of System V", "call('semget', 0, 1, 0o600); escaped()", "maybe"),
    Escape("a message queue", "reached('mq_open', b'', 0, 0, 0); escaped()", "maybe"),
    Escape("typing into a terminal", "reached('ioctl', 0, 0x5412, 0); escaped()"),
    Escape("pasting into a console", "reached('ioctl', 0, 0x541C, 0); escaped()"),
    Escape("hidden bits of a request", "reached('ioctl', 0, 0x5412 | 1 << 40, 0); escaped()"),
    Escape("calls of the future", "reached('newest', 0, denied=(errno.ENOSYS,)); escaped()",
           "never"),
    Escape("calls of x32", """
try:
    libc.syscall(c_long(0x40000000 | 39))
finally:
    escaped()
""", "x86"),
    Escape("calls of 32 bits", """
code = mmap.mmap(-1, 4096, prot=7)
code.write(bytes([0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3]))
pid = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()
assert pid > 0
escaped()
""", "maybe"),
)  # fmt: skip

ESCAPES = (*_FILES, *_PROCESSES, *_NETWORK, *_SYSTEM)
