/** The cluster of a run: three gateways, three NATS servers, Redis with or without a replica and Sentinels, each on a host of its own. */
import { execFile } from 'node:child_process'
import { createWriteStream, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { patientMs } from '../support/patience.ts'
import { CLIENTS, GATEWAYS, NATS_SERVERS, SENTINELS } from './fault.ts'
import { HostProcess } from './host-process.ts'
import {
  API_KEY,
  API_PORT,
  clockFile,
  commandOf,
  configure,
  hostsFor,
  MONITOR_PORT,
  REDIS_PORT,
  SENTINEL_MASTER,
  SENTINEL_PORT,
  STORE_BYTES,
  storeOf,
  type Setting,
} from './layout.ts'
import type { Network } from './network/network.ts'
import type { LinkRules } from './network/rule.ts'
import { openNetwork, type Place } from './place.ts'

const execute = promisify(execFile)
const LOOK_EVERY_MS = 100
const ASK_MS = patientMs(3000)
const START_MS = patientMs(60_000)
const FILL = 'fill'

export interface WorldOptions {
  readonly place: Place
  readonly directory: string
  readonly seed: number
  readonly natsProgram: string
  readonly replicas: number
  readonly sentinels: boolean
}

export interface Complaint {
  readonly host: string
  readonly how: string
}

export class World {
  readonly hosts: readonly string[]
  readonly #setting: Setting
  readonly #network: Network
  readonly #processes = new Map<string, HostProcess>()
  readonly #complaints: Complaint[] = []
  #closed = false

  private constructor(options: WorldOptions, network: Network) {
    this.#network = network
    this.#setting = { ...options, address: (host, seenBy) => network.address(host, seenBy) }
    this.hosts = hostsFor(options.sentinels)
  }

  /** Resolves once all of it serves. */
  static async start(options: WorldOptions, interrupted: AbortSignal): Promise<World> {
    const hosts = [...hostsFor(options.sentinels), CLIENTS]
    const network = await openNetwork(options.place, hosts, options.seed)
    const world = new World(options, network)
    const stop = (): void => void (world.#closed = true)
    interrupted.addEventListener('abort', stop)
    try {
      for (const host of world.hosts) configure(world.#setting, host)
      for (const host of NATS_SERVERS) world.#mountStore(host)
      await world.startAll()
    } catch (error) {
      await world.close()
      throw error
    } finally {
      interrupted.removeEventListener('abort', stop)
    }
    return world
  }

  address(host: string, seenBy = host): string {
    return this.#network.address(host, seenBy)
  }

  /** The command that runs this one on a host. */
  on(host: string, command: readonly string[]): string[] {
    return this.#network.on(host, command)
  }

  lie(rules: readonly LinkRules[]): Promise<void> {
    const known = (hosts: readonly string[]): string[] =>
      hosts.filter((host) => host === CLIENTS || this.hosts.includes(host))
    return this.#network.lie(rules.map(({ from, to, rule }) => ({ from: known(from), to: known(to), rule })))
  }

  /** Whatever does not run is started: stores first, and gateways once those are there. */
  async startAll(): Promise<void> {
    const isGateway = (host: string): boolean => (GATEWAYS as readonly string[]).includes(host)
    for (const host of this.hosts) if (!isGateway(host)) this.start(host)
    await this.until('NATS has no leader of its streams', () => this.#natsIsWhole())
    await this.until('Redis has no primary and replica', () => this.#redisIsWhole())
    for (const host of GATEWAYS) this.start(host)
  }

  start(host: string): void {
    if (this.#closed || this.runs(host)) return
    const command = this.on(host, commandOf(this.#setting, host))
    const env = { TORTURE_CLOCK: clockFile(this.#setting, host) }
    this.#processes.set(host, new HostProcess(command, join(this.#setting.directory, `${host}.log`), env))
  }

  runs(host: string): boolean {
    const process = this.#processes.get(host)
    return process !== undefined && process.ended === undefined
  }

  async kill(host: string): Promise<void> {
    await this.#processes.get(host)?.kill()
  }

  signal(host: string, signal: NodeJS.Signals): void {
    this.#processes.get(host)?.signal(signal)
  }

  /** A gateway did not do what it must. */
  complain(host: string, how: string): void {
    this.#complaints.push({ host, how })
  }

  /** What gateways did wrong since the last time that this was asked; one that ended by itself is told of here. */
  takeComplaints(): Complaint[] {
    for (const host of GATEWAYS) {
      const process = this.#processes.get(host)
      if (process?.ended === undefined || process.meant) continue
      process.meant = true
      this.complain(host, `has ended: ${process.ended}`)
    }
    return this.#complaints.splice(0)
  }

  /** Which Redis serves, as a Sentinel says that is asked first and answers. */
  async primary(): Promise<string> {
    if (!this.#setting.sentinels) return 'r1'
    for (const sentinel of SENTINELS) {
      const words = ['sentinel', 'get-master-addr-by-name', SENTINEL_MASTER]
      const host = this.#network.hostAt(
        (await this.#cli(sentinel, SENTINEL_PORT, words)).split('\n')[0] ?? '',
      )
      if (host !== undefined) return host
    }
    return 'r1'
  }

  async failOver(): Promise<void> {
    await this.#cli('s1', SENTINEL_PORT, ['sentinel', 'failover', SENTINEL_MASTER])
  }

  /** What the server says; nothing where it does not answer. */
  redis(host: string, words: readonly string[]): Promise<string> {
    return this.#cli(host, REDIS_PORT, words)
  }

  async api(host: string, method: string, path: string, body?: unknown): Promise<Response | undefined> {
    try {
      return await fetch(`http://${this.address(host)}:${API_PORT}${path}`, {
        method,
        headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
        signal: AbortSignal.timeout(ASK_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      })
    } catch (error) {
      // Nobody listens there, or it stands still.
      if (error instanceof TypeError || (error as Error).name === 'TimeoutError') return undefined
      throw error
    }
  }

  async isReady(host: string): Promise<boolean> {
    const answer = await this.api(host, 'GET', '/readyz')
    await answer?.arrayBuffer()
    return answer?.status === 200
  }

  /** Resolves once no byte goes on the disk of its streams. */
  fillDisk(host: string): Promise<void> {
    return new Promise((resolve) => {
      const file = createWriteStream(join(storeOf(this.#setting, host), FILL))
      file.on('error', () => resolve())
      const block = Buffer.alloc(1024 * 1024)
      for (let bytes = 0; bytes <= STORE_BYTES; bytes += block.length) file.write(block)
      file.end(() => resolve())
    })
  }

  freeDisk(host: string): void {
    rmSync(join(storeOf(this.#setting, host), FILL), { force: true })
  }

  moveClock(host: string, bySeconds: number): void {
    writeFileSync(clockFile(this.#setting, host), String(bySeconds))
  }

  logOf(host: string): string {
    return readFileSync(join(this.#setting.directory, `${host}.log`), 'utf8')
  }

  /** Looks until it holds; what is wrong for good is told by name, and so is the end of the world. */
  async until(what: string, holds: () => Promise<boolean>, forMs = START_MS): Promise<void> {
    const endMs = performance.now() + forMs
    while (!(await holds())) {
      if (this.#closed) throw new Error(`closed while ${what}`)
      if (performance.now() > endMs) throw new Error(what)
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all(this.hosts.map((host) => this.kill(host)))
    await this.#network.close()
  }

  /** A disk that can be full. */
  #mountStore(host: string): void {
    const store = storeOf(this.#setting, host)
    mkdirSync(store, { recursive: true })
    this.#network.mount(store, STORE_BYTES)
  }

  async #natsIsWhole(): Promise<boolean> {
    const leaders = await Promise.all(
      NATS_SERVERS.map(async (host) => {
        const answer = await this.#monitor(host, '/jsz')
        return (answer as { meta_cluster?: { leader?: string } } | undefined)?.meta_cluster?.leader
      }),
    )
    return leaders.every((leader) => leader !== undefined && leader !== '')
  }

  async #monitor(host: string, path: string): Promise<unknown> {
    try {
      const url = `http://${this.address(host)}:${MONITOR_PORT}${path}`
      return await (await fetch(url, { signal: AbortSignal.timeout(ASK_MS) })).json()
    } catch (error) {
      // It does not listen yet.
      if (error instanceof TypeError || (error as Error).name === 'TimeoutError') return undefined
      throw error
    }
  }

  async #redisIsWhole(): Promise<boolean> {
    if (!this.#setting.sentinels) return (await this.redis('r1', ['ping'])).includes('PONG')
    for (const sentinel of SENTINELS) {
      const known = await this.#cli(sentinel, SENTINEL_PORT, ['sentinel', 'master', SENTINEL_MASTER])
      const field = (name: string): string | undefined => new RegExp(`^${name}\n(.*)$`, 'm').exec(known)?.[1]
      if (field('num-slaves') !== '1' || field('num-other-sentinels') !== '2') return false
      if (field('flags') !== 'master') return false
    }
    const primary = await this.primary()
    return (await this.redis(primary, ['info', 'replication'])).includes('connected_slaves:1')
  }

  async #cli(host: string, port: number, words: readonly string[]): Promise<string> {
    try {
      const where = ['-h', this.address(host), '-p', String(port)]
      return (await execute('redis-cli', [...where, ...words], { timeout: ASK_MS })).stdout
    } catch {
      // It is dead or stands still, which is what a run does to servers: no answer is one.
      return ''
    }
  }
}
