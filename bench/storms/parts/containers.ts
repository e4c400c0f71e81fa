/**
 * Services of a compose file without a container engine: each with a network, a mount and a host name of its own, at its address, with its
 * files where its container has them, and with its command; the programs are those of this machine. Needs root. Nothing of it is seen from outside.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { cpSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface Container {
  readonly name: string
  readonly address: string
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** What is mounted, by where: a file or a folder of this machine; absent: an empty folder. */
  readonly mounts: Readonly<Record<string, string | undefined>>
}

/** As in a container's root, taken from this machine. */
const SHARED = ['/usr', '/dev', '/sys', '/work']
const LINKS = ['bin', 'sbin', 'lib', 'lib64']
const FILES = ['passwd', 'group', 'nsswitch.conf', 'ld.so.cache']

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
    for (const [index, container] of containers.entries()) {
      this.#all.set(container.name, { container, child: undefined, output: '' })
      this.#connect(container, index)
    }
  }

  /** Again after it was killed. */
  start(name: string): void {
    const one = this.#all.get(name)
    if (one === undefined) throw new Error(`there is no ${name}`)
    const { container } = one
    const root = join(this.#folder, name)
    const script = [
      'set -e',
      `hostname ${name}`,
      ...SHARED.map((path) => `mkdir -p ${root}${path}; mount --rbind ${path} ${root}${path}`),
      `mkdir -p ${root}/proc ${root}/tmp ${root}/etc; mount -t proc proc ${root}/proc`,
      ...LINKS.map((link) => `ln -sfn usr/${link} ${root}/${link}`),
      ...Object.entries(container.mounts).map(([to, from]) =>
        mountLine(from ?? join(this.#folder, `${name}-data`), root + to),
      ),
      `exec chroot ${root} "$@"`,
    ].join('\n')
    mkdirSync(join(root, 'etc'), { recursive: true })
    mkdirSync(join(this.#folder, `${name}-data`), { recursive: true })
    for (const file of FILES) copyIfThere(`/etc/${file}`, join(root, 'etc', file))
    writeFileSync(join(root, 'etc/hosts'), `127.0.0.1 localhost\n${this.#hosts}\n`)
    const namespace = ['netns', 'exec', this.#place(name)]
    const own = ['unshare', '--mount', '--uts', '--pid', '--fork', '--kill-child', 'sh', '-c', script, 'sh']
    const child = spawn('ip', [...namespace, ...own, ...container.command], {
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', ...container.environment },
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
    const [pid] = run('ip', 'netns', 'pids', this.#place(name))
      .trim()
      .split('\n')
      .map(Number)
      .toSorted((one, other) => other - one)
    if (pid !== undefined) process.kill(pid, signal)
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
    for (const { child } of this.#all.values()) child?.kill('SIGKILL')
    for (const name of this.#all.keys()) run('ip', 'netns', 'del', this.#place(name))
    run('ip', 'netns', 'del', this.#prefix)
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #connect({ name, address }: Container, index: number): void {
    const place = this.#place(name)
    run('ip', 'netns', 'add', place)
    this.#inHub('ip', 'link', 'add', `p${index}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', place)
    this.#inHub('ip', 'link', 'set', `p${index}`, 'master', 'br0', 'up')
    this.exec(name, 'ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0')
    for (const link of ['lo', 'eth0']) this.exec(name, 'ip', 'link', 'set', link, 'up')
  }

  #place(name: string): string {
    return `${this.#prefix}-${name}`
  }

  #inHub(...command: readonly string[]): void {
    run('ip', 'netns', 'exec', this.#prefix, ...command)
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
