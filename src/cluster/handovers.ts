/**
 * Tells other nodes of the clients that were theirs.
 */
import { send, type TakenOver } from './control.ts'
import type { Backbone } from '../backbone/backbone.ts'
import type { NodeInfo } from '../registry/registry.ts'

export class Handovers {
  readonly #backbone: Backbone
  readonly #others: () => readonly Pick<NodeInfo, 'id' | 'state'>[]

  readonly #here: (client: string) => void

  /** `others`: the nodes that are alive, without this one. `here`: one whom this node had sent away is here again. */
  constructor(
    backbone: Backbone,
    others: () => readonly Pick<NodeInfo, 'id' | 'state'>[],
    here: (client: string) => void,
  ) {
    this.#backbone = backbone
    this.#others = others
    this.#here = here
  }

  tookOver(node: string, taken: TakenOver): void {
    send(this.#backbone, node, { kind: 'takenOver', ...taken })
  }

  gaveUp(node: string, session: string): void {
    send(this.#backbone, node, { kind: 'givenUp', session })
  }

  /** The client says where it was: nothing is sent to what is no node. */
  cameBack(node: string, client: string, recovered: boolean): void {
    if (this.#find(node) !== undefined) send(this.#backbone, node, { kind: 'cameBack', client, recovered })
  }

  cameBackHere(client: string): void {
    this.#here(client)
  }

  replayed(node: string, client: string, messages: number): void {
    if (this.#find(node) !== undefined) send(this.#backbone, node, { kind: 'replayed', client, messages })
  }

  /** The text of the table: thousands who were moved from one node share it. */
  draining(node: string): string | undefined {
    const found = this.#find(node)
    return found?.state === 'draining' ? found.id : undefined
  }

  #find(node: string): Pick<NodeInfo, 'id' | 'state'> | undefined {
    return this.#others().find(({ id }) => id === node)
  }
}
