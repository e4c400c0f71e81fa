/** What a benchmark is and what it brings home. */
import type { PeerName } from '../peers/terms.ts'

export interface RunOptions {
  /** Smaller numbers, for a look while working; never written down. */
  readonly quick: boolean
  readonly rounds: number
  readonly peers: readonly PeerName[]
  /** Writes a CPU profile of the measured part of each server. */
  readonly profile: boolean
  /** Nobody will read what stands aside. */
  readonly check: boolean
}

export interface Bench {
  readonly name: string
  readonly title: string
  /** Whose servers it knows how to compare. */
  readonly peers: readonly PeerName[]
  /** None of its figures can be held to a ratio: `bench:check` leaves it out. */
  readonly aside?: true
  /** What it runs beside the peers and the load. */
  readonly programs: readonly string[]
  run(options: RunOptions): Promise<Outcome>
}

export interface Outcome {
  /** Sentences that say what was done, with the numbers of this run. */
  readonly arrangement: string
  readonly tables: readonly Table[]
}

export interface Table {
  readonly caption: string
  readonly unit: 'µs' | 'ns' | 'bytes'
  /** Of what the unit is spent on: `delivery`, `connect`. */
  readonly per: string
  /** What the rows are; `server` where absent. */
  readonly subject?: string
  /** What it shows is not the server's doing: `bench:check` holds nobody to it. */
  readonly aside?: true
  /** Tables of one group that follow each other are shown as one, with a `column` for each: the same rows, another figure. */
  readonly group?: string
  readonly column?: string
  /** The first row is what the others are compared with. */
  readonly rows: readonly Row[]
}

export interface Row {
  readonly label: string
  /** One figure for each round, in the order of the rounds. */
  readonly rounds: readonly number[]
  /** What has to be known of it, shown beside its label. */
  readonly note?: string
}

/** Collects the figures of rows as rounds go by. */
export class Rows {
  readonly #byLabel = new Map<string, number[]>()
  readonly #notes = new Map<string, string>()

  add(label: string, figure: number): void {
    const rounds = this.#byLabel.get(label)
    if (rounds === undefined) this.#byLabel.set(label, [figure])
    else rounds.push(figure)
  }

  /** The last one counts. */
  note(label: string, text: string): void {
    this.#notes.set(label, text)
  }

  get list(): Row[] {
    return [...this.#byLabel].map(([label, rounds]) => {
      const note = this.#notes.get(label)
      return { label, rounds, ...(note === undefined ? {} : { note }) }
    })
  }
}

export const PEER_LABELS: Readonly<Record<PeerName, string>> = {
  'raw-uws': 'raw uWebSockets.js',
  sluice: 'Sluice',
  'sluice-cluster': 'Sluice with NATS and Redis',
  ws: 'ws',
  socketio: 'Socket.IO',
  nchan: 'Nchan',
}
