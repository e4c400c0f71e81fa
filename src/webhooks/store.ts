/**
 * Where webhooks keep what the whole cluster knows: which node holds what, what has been said of it, and what is still to be told.
 * That something begins or ends, and that this is to be told, is one step: so it is told once, whichever nodes are there.
 *
 * Every implementation keeps (test/conformance/webhook-store.suite.ts):
 *  H1 the first node that holds something makes an entry of its begin, in the journal of events; others that hold it too make none
 *  H2 the end is an entry once no node has held it for the grace of the last one that let it go; who holds it meanwhile makes none
 *  H3 a report that does not follow upon what is known of its node is refused with `false` and changes nothing; `tend` says so too
 *  H4 what `bury` takes from a node ends as if the node had let it go, whoever else holds it, and however often it is called
 *  H5 graces run only while somebody tends: who was away with the whole cluster finds nothing ended because of that
 *  H6 entries of a journal are read in their order, each under a place that grows; a number that is missing was dropped because the
 *     journal was full
 *  H7 a note that is to be made once is made once in its time, whoever makes it
 *  H8 cursors and dead letters are kept until they are moved or taken; of two who take a letter one gets it
 *
 * Fails with `unavailable` when the store cannot be reached.
 */

/** `events`: what is to be told. `unsettled`: messages of which is asked later whether they were acknowledged. */
export type Journal = 'events' | 'unsettled'

export interface Change {
  /** See `keyOf`. */
  readonly key: string
  readonly held: boolean
  /** Of what is let go: how long it may be held by nobody before it has ended. */
  readonly graceMs: number
}

export interface Report {
  /** The version of the report before; 0: nothing is known. */
  readonly after: number
  readonly version: number
  readonly changes: readonly Change[]
}

export interface NewNote {
  readonly text: string
  /** It is made once in so long, by this name. */
  readonly once?: { readonly name: string; readonly forMs: number }
}

export interface Entry {
  readonly place: string
  /** Grows by one from entry to entry. */
  readonly number: number
  /** When it was made, in milliseconds since 1970. */
  readonly atMs: number
  readonly what: { readonly key: string; readonly held: boolean } | { readonly text: string }
}

export interface End {
  readonly place: string
  readonly number: number
}

export interface DeadLetter {
  readonly id: string
  readonly text: string
}

export interface WebhookStore {
  report(node: string, report: Report): Promise<boolean>
  /** To be called every second or so: what is over ends. Answers whether this version is what is known of the node. */
  tend(node: string, version: number): Promise<boolean>
  /** The nodes that have reported. */
  nodes(): Promise<readonly string[]>
  /** Takes everything from a node that is gone, or has to report anew. */
  bury(node: string, graceMs: number): Promise<void>
  note(journal: Journal, notes: readonly NewNote[]): Promise<void>
  /** Behind a place; '' is before the first. */
  read(journal: Journal, after: string, limit: number): Promise<readonly Entry[]>
  /** Behind the newest entry. */
  end(journal: Journal): Promise<End>
  /** How far each reader of a journal has come, as it has said. */
  cursors(journal: Journal): Promise<ReadonlyMap<string, string>>
  moveCursor(journal: Journal, reader: string, text: string): Promise<void>
  /** Entries up to this place are needed by nobody. */
  trim(journal: Journal, upTo: string): Promise<void>
  addDead(text: string): Promise<void>
  /** The oldest first. */
  dead(limit: number): Promise<readonly DeadLetter[]>
  deadCount(): Promise<number>
  /** `undefined`: it is not there any more. */
  takeDead(id: string): Promise<string | undefined>
}

/** Of more dead letters the oldest are dropped. */
export const DEAD_MAX = 10_000
/** What is over at once ends so many at a time. */
export const ENDS_MAX = 500
/** Time that passes between two looks at what is over counts up to here: longer, nobody was there. */
export const TENDED_MAX_MS = 5_000
