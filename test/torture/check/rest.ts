/** Everything else that is promised. Pure. */
import { DURABLE, namespaceOf } from '../history.ts'
import type { Story, Violation } from './story.ts'

/** A reset has a reason: a fault, and on a durable channel one that ends its log. */
export function resetsWithoutReason(
  { events }: Story,
  endsDurableLogs: (fault: string) => boolean,
): Violation[] {
  const violations: Violation[] = []
  let faults = 0
  let durableMayReset = false
  for (const event of events) {
    if (event.kind === 'fault' && event.on) {
      faults++
      durableMayReset ||= endsDurableLogs(event.name)
    }
    if (event.kind !== 'reset') continue
    const text = `${event.client} on ${event.channel}: ${event.reason}, to ${event.epoch}:${event.offset}`
    if (faults === 0) violations.push({ rule: 'reset without a fault', at: event.at, text })
    else if (namespaceOf(event.channel) === DURABLE && !durableMayReset)
      violations.push({ rule: 'reset of a durable channel', at: event.at, text })
  }
  return violations
}

/** When everything has healed, whoever is there is called present, and nobody else. */
export function wrongPresence({ events }: Story): Violation[] {
  const violations: Violation[] = []
  for (const event of events) {
    if (event.kind !== 'present') continue
    const [users, expected] = [new Set(event.users), new Set(event.expected)]
    const missing = [...expected].filter((user) => !users.has(user))
    const extra = [...users].filter((user) => !expected.has(user))
    if (missing.length + extra.length === 0) continue
    const text = `${event.client} is told who is in ${event.channel}: without ${missing.join()}, and with ${extra.join()}`
    violations.push({ rule: 'presence', at: event.at, text })
  }
  return violations
}

/** A session has one connection. */
export function sharedSessions({ events }: Story): Violation[] {
  return events.flatMap((event) =>
    event.kind === 'session' && event.connections > 1
      ? [{ rule: 'shared session', at: event.at, text: `${event.client}: ${event.connections} connections` }]
      : [],
  )
}

/** Nothing ends that nobody has ended, and the history is whole. */
export function ends({ events }: Story): Violation[] {
  const violations: Violation[] = []
  for (const event of events) {
    if (event.kind === 'ended')
      violations.push({ rule: 'a gateway ended', at: event.at, text: `${event.host}: ${event.how}` })
    if (event.kind === 'final')
      violations.push({ rule: 'false end', at: event.at, text: `${event.client}: ${event.what}` })
  }
  if (events.at(-1)?.kind !== 'end')
    violations.push({ rule: 'nonsense', at: events.at(-1)?.at ?? 0, text: 'the history has no end' })
  return violations
}
