/** One server and the load against it, each a process on its own core, from a fresh start to the end. */
import { mkdirSync } from 'node:fs'
import { Child } from './child.ts'
import { compiled, PROFILES } from './compile.ts'
import { cpuMicros, LOAD_CORE, ownBytes, residentBytes, SERVER_CORE } from './cores.ts'
import type { RunOptions } from './bench.ts'
import type { PeerName, Ports } from '../peers/terms.ts'

/** Resident memory that moved by less than this from one look to the next has settled. */
const SETTLED_BYTES = 65_536
const LOOK_INTERVAL_MS = 250
/** Before the first look: what somebody has sent is counted for two seconds after it, and with it the connection is held, gone or not. */
const SILENCE_MS = 3000
const LOOKS_MAX = 40

export interface Measured<Value> {
  readonly value: Value
  readonly cpuMicros: number
  /** Of the servers that the peer has started beside itself. */
  readonly besideMicros: Readonly<Record<string, number>>
}

export class BenchSession {
  readonly #server: Child
  readonly #pid: number
  readonly #beside: readonly (readonly [name: string, pid: number])[]
  readonly load: Child
  readonly ports: Ports

  constructor(server: Child, load: Child, ports: Ports) {
    const { pids = {}, pid = server.pid } = ports
    this.ports = ports
    this.#server = server
    this.#pid = pid
    this.#beside = Object.entries(pids)
    this.load = load
  }

  /** From the first step on that is measured. */
  profiled = false
  #profiling = false

  /** Runs a step of the load and takes the server's CPU time meanwhile. */
  async measure<Value>(step: string, argument: unknown = null): Promise<Measured<Value>> {
    if (this.profiled && !this.#profiling) {
      this.#profiling = true
      await this.#server.step('startProfile')
    }
    const before = cpuMicros(this.#pid)
    const besideBefore = this.#beside.map(([, pid]) => cpuMicros(pid))
    const value = await this.load.step<Value>(step, argument)
    return {
      value,
      cpuMicros: cpuMicros(this.#pid) - before,
      besideMicros: Object.fromEntries(
        this.#beside.map(([name, pid], index) => [name, cpuMicros(pid) - (besideBefore[index] as number)]),
      ),
    }
  }

  get residentBytes(): number {
    return residentBytes(this.#pid)
  }

  /** The server's own memory, without the room for young objects, once its garbage is collected and nothing moves any more. */
  async settledBytes(): Promise<number> {
    let last = Number.POSITIVE_INFINITY
    await new Promise((resolve) => setTimeout(resolve, SILENCE_MS))
    for (let look = 0; look < LOOKS_MAX; look++) {
      const youngBytes = await this.#server.step<number>('collect')
      await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS))
      const bytes = ownBytes(this.#pid) - youngBytes
      if (Math.abs(bytes - last) < SETTLED_BYTES) return bytes
      last = bytes
    }
    throw new Error(`the server's memory still moves after ${LOOKS_MAX} collections: last ${last} bytes`)
  }

  writeSnapshot(file: string): Promise<void> {
    return this.#server.step('writeSnapshot', file)
  }

  writeProfile(file: string): Promise<void> {
    return this.#server.step('writeProfile', file)
  }
}

/** Starts a peer and the load, lets `run` work with them, and ends both whatever happens. */
export async function withPeer<Value>(
  peer: PeerName,
  run: (session: BenchSession) => Promise<Value>,
): Promise<Value> {
  const server = new Child({
    program: compiled(`peers/${peer}`),
    core: SERVER_CORE,
    quiet: true,
  })
  const load = new Child({ program: compiled('load/main'), core: LOAD_CORE })
  try {
    const ports = await server.step<Ports>('start')
    await load.step('target', { peer, ports })
    return await run(new BenchSession(server, load, ports))
  } finally {
    await Promise.all([load.close(), server.close()])
  }
}

/** Peers take turns, so that whatever else the machine does meanwhile meets each of them alike. */
export async function inRounds(
  { rounds, peers, profile }: RunOptions,
  name: string,
  run: (peer: PeerName, session: BenchSession) => Promise<void>,
): Promise<void> {
  for (let round = 1; round <= rounds; round++) {
    for (const peer of peers) {
      process.stderr.write(`${name}: round ${round} of ${rounds}, ${peer}\n`)
      await withPeer(peer, async (session) => {
        session.profiled = profile
        await run(peer, session)
        if (profile) await session.writeProfile(profileFile(name, peer, round))
      })
    }
  }
}

function profileFile(name: string, peer: PeerName, round: number): string {
  mkdirSync(PROFILES, { recursive: true })
  return `${PROFILES}/${name}-${peer}-${round}.cpuprofile`
}
