/** Empty sums of what clients went through. */
import type { Journey } from './herd-terms.ts'
import type { Kind } from '../../../test/support/members.ts'

export function newJourney(): Journey {
  return { clients: 0, moves: 0, paths: {}, refusals: 0, gaveUp: 0, gapsMs: [] }
}

export function countPath(paths: Record<string, number>, path: string, count = 1): void {
  paths[path] = (paths[path] ?? 0) + count
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
