/**
 * A network of its own: each host in a network namespace, joined by the switch of `switch.ts`. This process is on it as well, as a
 * host that no rule names. Needs root, and a kernel with TUN. All of it is gone when this process is, however it ended.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Network } from './network.ts'
import type { LinkRules } from './rule.ts'

const SWITCH = fileURLToPath(new URL('./switch.ts', import.meta.url))
const PREFIX = 'sluice-torture'
/** 198.18.0.0/15 is for such tests (RFC 2544): 512 networks of 254 hosts. */
const NETWORKS = 512
const OURS = 254

export class Namespaces implements Network {
  readonly #names: readonly string[]
  readonly #network: string
  readonly #id: number
  readonly #switch: ChildProcess
  readonly #answers: AsyncIterator<string>
  readonly #lines: Interface
  readonly #mounted: string[] = []

  private constructor(names: readonly string[], seed: number) {
    this.#names = names
    this.#id = process.pid
    this.#network = freeNetwork(this.#id)
    const devices = [...names.map((name, i) => `${this.#device(i)}=${name}=${i + 1}`)]
    this.#switch = spawn(
      process.execPath,
      ['--import', 'tsx', SWITCH, String(seed), ...devices, `${this.#device(OURS)}=us=${OURS}`],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
    // It ends when its standard input does; a write to it after that fails, and is not missed.
    this.#switch.stdin?.on('error', () => undefined)
    this.#lines = createInterface(this.#switch.stdout as NodeJS.ReadableStream)
    this.#answers = this.#lines[Symbol.asyncIterator]()
  }

  /** Why there can be none here, or nothing. */
  static hindrance(): string | undefined {
    if (process.getuid?.() !== 0) return 'network namespaces need root'
    try {
      closeSync(openSync('/dev/net/tun', 'r+'))
      run('ip', 'netns', 'add', `${PREFIX}-${process.pid}-try`)
      run('ip', 'netns', 'del', `${PREFIX}-${process.pid}-try`)
      return undefined
    } catch (error) {
      return `TUN devices and ip netns: ${error instanceof Error ? error.message : String(error)}`
    }
  }

  static async create(names: readonly string[], seed: number): Promise<Namespaces> {
    removeLeftOver()
    const made = new Namespaces(names, seed)
    try {
      await made.#answer()
      for (const [index, name] of names.entries()) {
        run('ip', 'netns', 'add', made.#space(name))
        run('ip', 'link', 'set', made.#device(index), 'netns', made.#space(name))
        const inside = ['ip', 'netns', 'exec', made.#space(name), 'ip']
        run(...inside, 'addr', 'add', `${made.address(name)}/24`, 'dev', made.#device(index))
        run(...inside, 'link', 'set', made.#device(index), 'up')
        run(...inside, 'link', 'set', 'lo', 'up')
      }
      run('ip', 'addr', 'add', `${made.#network}.${OURS}/24`, 'dev', made.#device(OURS))
      run('ip', 'link', 'set', made.#device(OURS), 'up')
    } catch (error) {
      made.close()
      throw error
    }
    return made
  }

  address(name: string): string {
    return `${this.#network}.${this.#names.indexOf(name) + 1}`
  }

  hostAt(address: string): string | undefined {
    return this.#names.find((name) => this.address(name) === address)
  }

  mount(path: string, bytes: number): void {
    run('mount', '-t', 'tmpfs', '-o', `size=${bytes}`, `${PREFIX}-${this.#id}-disk`, path)
    this.#mounted.push(path)
  }

  on(name: string, command: readonly string[]): string[] {
    return ['ip', 'netns', 'exec', this.#space(name), ...command]
  }

  async lie(rules: readonly LinkRules[]): Promise<void> {
    this.#switch.stdin?.write(`${JSON.stringify(rules)}\n`)
    await this.#answer()
  }

  close(): void {
    this.#switch.kill('SIGKILL')
    this.#lines.close()
    for (const name of this.#names) {
      // One that was never made, where the start failed, is what was wanted.
      if (existsSync(`/run/netns/${this.#space(name)}`)) run('ip', 'netns', 'del', this.#space(name))
    }
    for (const path of this.#mounted.splice(0)) run('umount', '-l', path)
  }

  async #answer(): Promise<void> {
    if ((await this.#answers.next()).done === true) throw new Error('the switch has ended')
  }

  #space(name: string): string {
    return `${PREFIX}-${this.#id}-${name}`
  }

  #device(index: number): string {
    return `tort${this.#id % 1_000_000}x${index}`
  }
}

/** Of runs that were ended without a chance to clean up. */
function removeLeftOver(): void {
  const isLeft = (name: string): boolean => {
    const pid = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1]
    return pid !== undefined && !existsSync(`/proc/${pid}`)
  }
  for (const line of readFileSync('/proc/mounts', 'utf8').split('\n')) {
    const [name = '', path = ''] = line.split(' ')
    if (isLeft(name)) run('umount', '-l', path)
  }
  if (!existsSync('/run/netns')) return
  for (const name of readdirSync('/run/netns').filter(isLeft)) run('ip', 'netns', 'del', name)
}

/** That nobody on this machine has an address of: several runs do not disturb each other. */
function freeNetwork(start: number): string {
  const ours = Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? [])
  for (let i = 0; i < NETWORKS; i++) {
    const number = (start + i) % NETWORKS
    const network = `198.${18 + (number >> 8)}.${number & 255}`
    if (!ours.some((address) => address.startsWith(`${network}.`))) return network
  }
  throw new Error('this machine is in all networks that are for tests')
}

function run(...[command, ...args]: readonly string[]): void {
  execFileSync(command as string, args, { stdio: 'pipe' })
}
