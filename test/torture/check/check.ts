/**
 * Judges a run by its history alone: every message that is in a log came to every client that was subscribed, once and in order, or the
 * client was told `reset` in its place; nobody got what is not his. Pure.
 */
import type { HistoryEvent } from '../history.ts'
import { losses, places, repeats, strangers } from './deliveries.ts'
import { leftBehind, missingInLogs, onePlaceForTwo, storedTwice } from './logs.ts'
import { ends, resetsWithoutReason, sharedSessions, wrongPresence } from './rest.ts'
import { tell, type Violation } from './story.ts'

export interface CheckOptions {
  /** Whether a fault of this name ends the log of durable channels. */
  readonly endsDurableLogs: (fault: string) => boolean
}

export function check(events: readonly HistoryEvent[], { endsDurableLogs }: CheckOptions): Violation[] {
  const story = tell(events)
  return [
    ...story.nonsense,
    ...strangers(story),
    ...places(story),
    ...repeats(story),
    ...losses(story),
    ...storedTwice(story),
    ...onePlaceForTwo(story),
    ...missingInLogs(story),
    ...leftBehind(story),
    ...resetsWithoutReason(story, endsDurableLogs),
    ...wrongPresence(story),
    ...sharedSessions(story),
    ...ends(story),
  ].toSorted((one, other) => one.at - other.at)
}
