/**
 * Services of a compose file without a container engine: each with a network, a mount and a host name of its own, at its address, with its
 * files where its container has them, and with its command; the programs are those of this machine. Needs root. Nothing of it is seen from outside.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'

export interface Container {
  readonly name: string
  readonly address: string
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** What is mounted, by where: a file or a folder of this machine; absent: an empty folder, of the user that the image has. */
  readonly mounts: Readonly<Record<string, string | undefined>>
  readonly tmpfs: readonly string[]
  readonly sysctls: Readonly<Record<string, string | number>>
  readonly user: User
  readonly isReadOnly: boolean
  /** Absent: it drops no capability, and may gain privileges. */
  readonly isConfined: boolean
  /** What an engine runs within it, to know whether it is well. */
  readonly health: readonly string[]
}

export interface User {
  readonly uid: number
  readonly gid: number
}

/** As in a container's root, taken from this machine. */
const SHARED = ['/usr', '/dev', '/sys', '/work']
const LINKS = ['bin', 'sbin', 'lib', 'lib64']
const FILES = ['passwd', 'group', 'nsswitch.conf', 'ld.so.cache']
/** What images of Alpine have of BusyBox; of another release, as Debian has it. */
const APPLETS = ['sh', 'cp', 'wget', '[', 'echo']
const ALPINE = '/alpine'
/** Of engines, in each network of theirs. */
const AS_ENGINES_DO = { 'net.ipv4.ip_unprivileged_port_start': 0 }
const PATH = `${ALPINE}:/usr/sbin:/usr/bin:/sbin:/bin`

export class Containers {
  readonly #prefix = `sc${process.pid % 10_000}`
  readonly #folder: string
  readonly #all = new Map<
    string,
    { readonly container: Container; child: ChildProcess | undefined; output: string }
  >()
  readonly #hosts: string

  constructor(folder: string, containers: readonly Container[]) {
    this.#folder = folder
    this.#hosts = containers.map(({ name, address }) => `${address} ${name}`).join('\n')
    run('ip', 'netns', 'add', this.#prefix)
    this.#inHub('ip', 'link', 'add', 'br0', 'type', 'bridge')
    this.#inHub('ip', 'link', 'set', 'br0', 'up')
    mkdirSync(join(folder, 'alpine'))
    for (const name of APPLETS) symlinkSync('/usr/bin/busybox', join(folder, 'alpine', name))
    for (const [index, container] of containers.entries()) {
      this.#all.set(container.name, { container, child: undefined, output: '' })
      this.#connect(container, index)
    }
  }

  /** Again after it was killed. */
  start(name: string): void {
    const one = this.#of(name)
    const { container } = one
    const root = join(this.#folder, name)
    const data = join(this.#folder, `${name}-data`)
    const mounts = Object.entries({ ...container.mounts, [ALPINE]: join(this.#folder, 'alpine') })
    const script = [
      'set -e',
      `hostname ${name}`,
      `mount --bind ${root} ${root}`,
      ...SHARED.map((path) => `mkdir -p ${root}${path}; mount --rbind ${path} ${root}${path}`),
      `mkdir -p ${root}/proc ${root}/etc; mount -t proc proc ${root}/proc`,
      ...LINKS.map((link) => `ln -sfn usr/${link} ${root}/${link}`),
      ...mounts.map(([to, from]) => mountLine(from ?? data, root + to)),
      ...container.tmpfs.map((to) => `mkdir -p ${root}${to}; mount -t tmpfs tmpfs ${root}${to}`),
      ...(container.isReadOnly ? [`mount -o remount,bind,ro ${root}`] : []),
      `exec chroot ${root} "$@"`,
    ].join('\n')
    if (!existsSync(data)) {
      mkdirSync(data)
      chownSync(data, container.user.uid, container.user.gid)
    }
    mkdirSync(join(root, 'etc'), { recursive: true })
    for (const file of FILES) copyIfThere(`/etc/${file}`, join(root, 'etc', file))
    writeFileSync(join(root, 'etc/hosts'), `127.0.0.1 localhost\n${this.#hosts}\n`)
    const namespace = ['netns', 'exec', this.#place(name)]
    const own = ['unshare', '--mount', '--uts', '--pid', '--fork', '--kill-child', 'sh', '-c', script, 'sh']
    const child = spawn('ip', [...namespace, ...own, ...asItsUser(container), ...container.command], {
      env: { PATH, ...container.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    one.child = child
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (one.output += text))
  }

  /** What it has printed. */
  output(name: string): string {
    return this.#all.get(name)?.output ?? ''
  }

  /** By its process in the namespace, as an engine does. */
  signal(name: string, signal: NodeJS.Signals): void {
    const [pid] = this.#pids(name)
    if (pid !== undefined) process.kill(pid, signal)
  }

  /** What its health check says, run within it as its user. */
  isWell(name: string): boolean {
    const { container } = this.#of(name)
    const root = join(this.#folder, name)
    const pid = this.#pids(name).find((one) => rootOf(one) === root)
    if (pid === undefined) return false
    const within = ['--target', String(pid), '--mount', '--net', '--uts', '--root', '--wd']
    const { status } = spawnSync('nsenter', [...within, ...asItsUser(container), ...container.health], {
      env: { PATH, ...container.environment },
    })
    return status === 0
  }

  /** As the kernel sees its first process: whose it is, and what it may do. */
  standing(name: string): { readonly uid: number; readonly capabilities: string } {
    const [pid] = this.#pids(name)
    const text = readFileSync(`/proc/${pid}/status`, 'utf8')
    const [, uid] = /^Uid:\t(\d+)/m.exec(text) ?? []
    const [, capabilities = ''] = /^CapEff:\t(\w+)/m.exec(text) ?? []
    return { uid: Number(uid), capabilities }
  }

  runs(name: string): boolean {
    const child = this.#all.get(name)?.child
    return child !== undefined && child.exitCode === null && child.signalCode === null
  }

  /** Where it is; its own programs of this machine. */
  exec(name: string, ...command: readonly string[]): string {
    return run('ip', 'netns', 'exec', this.#place(name), ...command)
  }

  close(): void {
    // One by one: who has another user than his parent does not end with it.
    for (const name of this.#all.keys()) for (const pid of this.#pids(name)) end(pid)
    for (const name of this.#all.keys()) run('ip', 'netns', 'del', this.#place(name))
    run('ip', 'netns', 'del', this.#prefix)
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #of(name: string): { readonly container: Container; child: ChildProcess | undefined; output: string } {
    const one = this.#all.get(name)
    if (one === undefined) throw new Error(`there is no ${name}`)
    return one
  }

  /** The newest first: those before it have only made its place. */
  #pids(name: string): number[] {
    const found = run('ip', 'netns', 'pids', this.#place(name)).split('\n').filter(Boolean)
    return found.map(Number).toSorted((one, other) => other - one)
  }

  #connect({ name, address, sysctls }: Container, index: number): void {
    const place = this.#place(name)
    run('ip', 'netns', 'add', place)
    this.#inHub('ip', 'link', 'add', `p${index}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', place)
    this.#inHub('ip', 'link', 'set', `p${index}`, 'master', 'br0', 'up')
    this.exec(name, 'ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0')
    for (const link of ['lo', 'eth0']) this.exec(name, 'ip', 'link', 'set', link, 'up')
    for (const [key, value] of Object.entries({ ...AS_ENGINES_DO, ...sysctls }))
      this.exec(name, 'sysctl', '--quiet', '--write', `${key}=${value}`)
  }

  #place(name: string): string {
    return `${this.#prefix}-${name}`
  }

  #inHub(...command: readonly string[]): void {
    run('ip', 'netns', 'exec', this.#prefix, ...command)
  }
}

function asItsUser({ user: { uid, gid }, isConfined }: Container): string[] {
  const drop = isConfined ? ['--bounding-set=-all', '--inh-caps=-all', '--no-new-privs'] : []
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...drop]
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    // It has ended with another one.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function rootOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/root`)
  } catch {
    // It has gone meanwhile.
    return undefined
  }
}

function mountLine(from: string, to: string): string {
  const isFolder = statSync(from, { throwIfNoEntry: false })?.isDirectory() ?? true
  const place = isFolder ? `mkdir -p ${from} ${to}` : `mkdir -p ${dirname(to)}; touch ${to}`
  return `${place}; mount --bind ${from} ${to}`
}

function copyIfThere(from: string, to: string): void {
  if (statSync(from, { throwIfNoEntry: false }) !== undefined) cpSync(from, to)
}

function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
