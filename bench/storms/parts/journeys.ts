/** Empty sums of what clients went through. */
import type { Journey } from './herd-terms.ts'
import type { Kind } from '../../../test/support/members.ts'

export function newJourney(): Journey {
  return { clients: 0, moves: 0, refusals: 0, gaveUp: 0, gapsMs: [] }
}

export function emptyJourney(): Record<Kind, Journey> {
  return {
    sdk: newJourney(),
    websocket: newJourney(),
    sse: newJourney(),
    poll: newJourney(),
    still: newJourney(),
  }
}
