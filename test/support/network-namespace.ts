/**
 * A network of its own, over a veth pair, for clients that shall vanish: from one moment on the kernel on their side gets
 * nothing any more, so nothing is acknowledged and no FIN or reset comes. Needs root.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'

/** The kernel takes a moment to forget one, and other runs on the same machine have their own. */
let created = 0

export class Namespace {
  readonly #name: string
  readonly #children: ChildProcess[] = []
  /** Of our side. */
  readonly address: string
  /** Of the other side. */
  readonly peer: string

  private constructor(name: string, address: string, peer: string) {
    this.#name = name
    this.address = address
    this.peer = peer
  }

  /** Why there can be none here, or nothing. */
  static hindrance(): string | undefined {
    if (process.getuid?.() !== 0) return 'a network namespace needs root'
    try {
      const name = `sluice-try-${process.pid}`
      run('ip', 'netns', 'add', name)
      run('ip', 'netns', 'del', name)
      run('iptables', '--version')
      return undefined
    } catch (error) {
      return `ip netns or iptables: ${error instanceof Error ? error.message : String(error)}`
    }
  }

  static create(): Namespace {
    const number = (process.pid * 8 + created++) % 32_768
    // 198.18.0.0/15 is for such tests (RFC 2544); four addresses for each network.
    const base = [198, 18 + (number >> 14), (number >> 6) & 255, (number & 63) << 2] as const
    const at = (host: number): string => [...base.slice(0, 3), base[3] + host].join('.')
    const namespace = new Namespace(`sluice-${number}`, at(1), at(2))
    const [ours, theirs] = [`sluice-${number}a`, `sluice-${number}b`] as const
    run('ip', 'netns', 'add', namespace.#name)
    run('ip', 'link', 'add', ours, 'type', 'veth', 'peer', 'name', theirs, 'netns', namespace.#name)
    run('ip', 'addr', 'add', `${at(1)}/30`, 'dev', ours)
    run('ip', 'link', 'set', ours, 'up')
    namespace.inside('ip', 'addr', 'add', `${at(2)}/30`, 'dev', theirs)
    namespace.inside('ip', 'link', 'set', theirs, 'up')
    return namespace
  }

  /** How a program is started in there. */
  command(program: string, args: readonly string[]): { readonly program: string; readonly args: string[] } {
    return { program: 'ip', args: ['netns', 'exec', this.#name, program, ...args] }
  }

  /** Runs JavaScript in there; answers once it has written the line `ready`. */
  async script(code: string): Promise<void> {
    const child = spawn('ip', ['netns', 'exec', this.#name, process.execPath, '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#children.push(child)
    for await (const line of createInterface(child.stdout)) if (line === 'ready') return
    throw new Error('the script ended before it was ready')
  }

  /** From now on everything that comes to the namespace is swallowed. */
  vanish(): void {
    this.inside('iptables', '-A', 'INPUT', '-j', 'DROP')
  }

  close(): void {
    for (const child of this.#children) child.kill('SIGKILL')
    // The veth pair goes with it.
    run('ip', 'netns', 'del', this.#name)
  }

  /** Waits for it to end. */
  inside(...command: string[]): void {
    run('ip', 'netns', 'exec', this.#name, ...command)
  }
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: 'pipe' })
}
