/**
 * Tells other nodes of the clients that were theirs.
 */
import { send, type ControlMessage, type TakenOver } from './control.ts'
import type { Backbone } from '../backbone/backbone.ts'
import type { Clock } from '../clock.ts'
import type { NodeInfo } from '../registry/registry.ts'

/** A connection that is dead takes words for so long until somebody notices. */
const DOUBT_MS = 30_000
/** Of each half of that time. What is forgotten is found by the registry, when a node enters its sessions again. */
const KEPT_MAX = 10_000

/** A node that is given no processor falls out of the table, and is back; so long after that it may wait for a word all the same. */
const LATELY_MS = 300_000

/** What decides about a session, and must not be lost. */
interface Word {
  readonly node: string
  readonly message: ControlMessage
}

export class Handovers {
  readonly #clock: Pick<Clock, 'monotonicMs'>
  /** The words of this half of the time in doubt, and of the one before it. */
  #words: Word[] = []
  #before: Word[] = []
  #sinceMs: number
  readonly #backbone: Backbone
  readonly #others: () => readonly Pick<NodeInfo, 'id' | 'state'>[]

  readonly #here: (client: string) => void
  /** When each node was in the table, as far as somebody came from one. */
  readonly #lately = new Map<string, number>()

  /** `others`: the nodes that are alive, without this one. `here`: one whom this node had sent away is here again. */
  constructor(
    clock: Pick<Clock, 'monotonicMs'>,
    backbone: Backbone,
    others: () => readonly Pick<NodeInfo, 'id' | 'state'>[],
    here: (client: string) => void,
  ) {
    this.#clock = clock
    this.#sinceMs = clock.monotonicMs()
    this.#backbone = backbone
    this.#others = others
    this.#here = here
  }

  tookOver(node: string, taken: TakenOver): void {
    this.#tell(node, { kind: 'takenOver', ...taken })
  }

  gaveUp(node: string, session: string): void {
    this.#tell(node, { kind: 'givenUp', session })
  }

  /**
   * The backbone works again. What was said a moment before may have gone nowhere, and whoever was not told keeps a connection
   * that nobody else knows of: it is said again. Heard twice it changes nothing, since claims are compared.
   */
  repeat(): void {
    this.#turn()
    for (const { node, message } of [...this.#before, ...this.#words]) send(this.#backbone, node, message)
  }

  /** The client says where it was: nothing is sent to what is no node, and has been none lately. */
  cameBack(node: string, client: string, recovered: boolean): void {
    if (this.#isKnown(node)) send(this.#backbone, node, { kind: 'cameBack', client, recovered })
  }

  cameBackHere(client: string): void {
    this.#here(client)
  }

  replayed(node: string, client: string, messages: number): void {
    if (this.#isKnown(node)) send(this.#backbone, node, { kind: 'replayed', client, messages })
  }

  /** The text of the table: thousands who were moved from one node share it. */
  draining(node: string): string | undefined {
    const found = this.#find(node)
    return found?.state === 'draining' ? found.id : undefined
  }

  #tell(node: string, message: ControlMessage): void {
    send(this.#backbone, node, message)
    this.#turn()
    if (this.#words.length < KEPT_MAX) this.#words.push({ node, message })
  }

  #turn(): void {
    const nowMs = this.#clock.monotonicMs()
    const halves = Math.floor((nowMs - this.#sinceMs) / (DOUBT_MS / 2))
    if (halves === 0) return
    this.#before = halves === 1 ? this.#words : []
    this.#words = []
    this.#sinceMs = nowMs
  }

  #isKnown(node: string): boolean {
    const nowMs = this.#clock.monotonicMs()
    for (const { id } of this.#others()) this.#lately.set(id, nowMs)
    for (const [id, seenMs] of this.#lately) if (nowMs - seenMs > LATELY_MS) this.#lately.delete(id)
    return this.#lately.has(node)
  }

  #find(node: string): Pick<NodeInfo, 'id' | 'state'> | undefined {
    return this.#others().find(({ id }) => id === node)
  }
}
