/**
 * The requests of a session that are not answered yet, in turn. A session has none most of the time, and then its one word of what is
 * rare is the node whose drain has moved its client here.
 */
import { Turns } from '../turns.ts'

export class Requests extends Turns {
  readonly movedFrom: string | undefined

  constructor(movedFrom: string | undefined, idle: () => void) {
    super(idle)
    this.movedFrom = movedFrom
  }
}

/** While there are requests, those; else the node. */
export type RequestsOrNode = Requests | string | undefined

export function movedFromOf(rare: RequestsOrNode): string | undefined {
  return rare instanceof Requests ? rare.movedFrom : rare
}

/** `idle` is given what is left once nothing is to be answered. */
export function requestsIn(rare: RequestsOrNode, idle: (node: string | undefined) => void): Requests {
  return rare instanceof Requests ? rare : new Requests(rare, () => idle(rare))
}
