/** One run: a cluster, clients, the rounds of a plan, and the history of it all. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { patientMs } from '../support/patience.ts'
import { CLIENTS, GATEWAYS, NATS_SERVERS } from './fault.ts'
import { awaitGateways, healRound, inflict, type Undo } from './deeds.ts'
import { linesOf, type LoadOptions, type Order, type Word } from './load/talk.ts'
import type { Place } from './place.ts'
import { rulesOf, type Round } from './plan.ts'
import { World } from './world.ts'

const LOAD = fileURLToPath(new URL('./load/main.ts', import.meta.url))
const RECOVERY_MS = patientMs(60_000)

export interface RunOptions {
  readonly place: Place
  readonly directory: string
  readonly seed: number
  readonly rounds: readonly Round[]
  readonly natsProgram: string
  readonly replicas: number
  readonly sentinels: boolean
  readonly clients: number
  readonly perSecond: number
  /** No further round begins after it. */
  readonly forMs: number
  readonly say: (line: string) => void
}

/** Answers where the history is. */
export async function run(options: RunOptions, interrupted: AbortSignal): Promise<string> {
  const { directory, rounds, say } = options
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'plan.json'), JSON.stringify(rounds, null, 2))
  const world = await World.start(options, interrupted)
  const torture = new Torture(world, options)
  // Whoever is interrupted cleans up as well.
  const stop = (): void => void torture.close()
  interrupted.addEventListener('abort', stop)
  try {
    say(`the cluster is there: ${world.hosts.length} servers`)
    return await torture.run(interrupted)
  } finally {
    interrupted.removeEventListener('abort', stop)
    await torture.close()
  }
}

class Torture {
  readonly #world: World
  readonly #options: RunOptions
  readonly #history: string
  readonly #load: ChildProcess
  readonly #heard = new Set<string>()
  #loadEnded = false
  #wake = (): void => {}
  #closed: Promise<void> | undefined

  constructor(world: World, options: RunOptions) {
    this.#world = world
    this.#options = options
    this.#history = join(options.directory, 'history.jsonl')
    const load: LoadOptions = {
      history: this.#history,
      seed: options.seed,
      clients: options.clients,
      perSecond: options.perSecond,
      gateways: GATEWAYS.map((host) => world.address(host, CLIENTS)),
      nats: NATS_SERVERS.map((host) => world.address(host, CLIENTS)),
    }
    const command = [process.execPath, '--import', 'tsx', LOAD, JSON.stringify(load)]
    const [program, ...args] = world.on(CLIENTS, command)
    this.#load = spawn(program as string, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    // It has ended; what waits for its words is told so.
    this.#load.stdin?.on('error', () => undefined)
    void this.#listen()
  }

  async run(interrupted: AbortSignal): Promise<string> {
    await awaitGateways(this.#world, RECOVERY_MS)
    const [wrong] = this.#world.takeComplaints()
    if (wrong !== undefined)
      throw new Error(`${wrong.host} ${wrong.how}; its log is in ${this.#options.directory}`)
    await this.#hears({ said: 'ready' })
    const endMs = performance.now() + this.#options.forMs
    for (const [number, round] of this.#options.rounds.entries()) {
      if (interrupted.aborted || performance.now() > endMs) break
      await this.#round(number, round)
    }
    this.#order({ do: 'settle' })
    await this.#hears({ said: 'settled' })
    return this.#history
  }

  close(): Promise<void> {
    this.#closed ??= this.#end()
    return this.#closed
  }

  async #end(): Promise<void> {
    this.#load.kill('SIGKILL')
    await this.#world.close()
  }

  async #round(number: number, round: Round): Promise<void> {
    const { say } = this.#options
    const names = round.faults.map(({ fault, gateway, nats }) => `${fault} (${gateway}, ${nats})`)
    say(`round ${number + 1}: ${names.join(' and ')}, ${round.seconds} s`)
    const primary = await this.#world.primary()
    for (const { fault } of round.faults) this.#order({ do: 'fault', round: number, name: fault, on: true })
    await this.#world.lie(rulesOf(round, primary))
    const undo: Undo[] = []
    for (const planned of round.faults) undo.push(...(await inflict(this.#world, planned, primary)))
    this.#order({ do: 'one more client' })
    await new Promise((resolve) => setTimeout(resolve, round.seconds * 1000))
    await this.#world.lie([])
    await healRound(undo)
    for (const { fault } of round.faults) this.#order({ do: 'fault', round: number, name: fault, on: false })
    this.#order({ do: 'await recovery', round: number })
    await this.#hears({ said: 'recovered', round: number })
    await this.#world.startAll()
    await awaitGateways(this.#world, RECOVERY_MS)
    for (const { host, how } of this.#world.takeComplaints()) this.#order({ do: 'ended', host, how })
  }

  #order(order: Order): void {
    this.#load.stdin?.write(`${JSON.stringify(order)}\n`)
  }

  async #listen(): Promise<void> {
    for await (const word of linesOf<Word>(this.#load.stdout as Readable)) {
      if (word.said === 'note') this.#options.say(word.text)
      else {
        this.#heard.add(keyOf(word))
        this.#wake()
      }
    }
    this.#loadEnded = true
    this.#wake()
  }

  /** Recovery has an end: then the next round comes all the same, and the history shows it. */
  async #hears(word: Word): Promise<void> {
    let late = false
    const timer = setTimeout(() => {
      late = word.said === 'recovered'
      this.#wake()
    }, RECOVERY_MS)
    while (!this.#heard.has(keyOf(word)) && !late) {
      if (this.#loadEnded) throw new Error('the program with the clients has ended')
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    clearTimeout(timer)
    if (late) this.#options.say(`not all clients have recovered after ${RECOVERY_MS} ms`)
  }
}

function keyOf(word: Word): string {
  return word.said === 'recovered' ? `${word.said} ${word.round}` : word.said
}
