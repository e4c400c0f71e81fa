/** What publishers were told, beside what the logs have. Pure. */
import type { Story, Violation } from './story.ts'

/** No message has two places in an epoch: a repeat of a publish is answered, and not stored again. */
export function storedTwice({ published }: Story): Violation[] {
  const violations: Violation[] = []
  for (const { message, channel, stored } of published.values()) {
    const first = new Map<string, number>()
    for (const { epoch, offset, at, by } of stored) {
      const known = first.get(epoch)
      if (known === undefined) first.set(epoch, offset)
      else if (known !== offset)
        violations.push({
          rule: 'stored twice',
          at,
          text: `message ${message} is in ${channel} at ${epoch}:${known}, and ${by} has it at ${offset}`,
        })
    }
  }
  return violations
}

/** No place has two messages: replicas and nodes agree. */
export function onePlaceForTwo({ published }: Story): Violation[] {
  const violations: Violation[] = []
  const owners = new Map<string, { readonly message: number; readonly by: string }>()
  for (const { message, channel, stored } of published.values()) {
    for (const { epoch, offset, at, by } of stored) {
      const place = `${channel} ${epoch}:${offset}`
      const owner = owners.get(place)
      if (owner === undefined) owners.set(place, { message, by })
      else if (owner.message !== message)
        violations.push({
          rule: 'one place for two',
          at,
          text: `${place} is message ${message} (${by}) and message ${owner.message} (${owner.by})`,
        })
    }
  }
  return violations
}

/** What a publisher was told is in the log is there, as long as its epoch is. */
export function missingInLogs({ events, byChannel }: Story): Violation[] {
  const violations: Violation[] = []
  for (const event of events) {
    if (event.kind !== 'log' || event.entries.length === 0) continue
    const [oldest] = event.entries[0] as readonly [number, number]
    const has = new Set(event.entries.map(([, message]) => message))
    for (const { message, stored } of byChannel.get(event.channel) ?? []) {
      const missing = stored.find(
        ({ epoch, offset, at }) =>
          // What was confirmed while the log was being read may be in it or not.
          epoch === event.epoch && offset >= oldest && offset <= event.offset && at < event.at,
      )
      if (missing === undefined || has.has(message)) continue
      violations.push({
        rule: 'missing in the log',
        at: event.at,
        text:
          `message ${message}, which ${missing.by} has at ${event.channel} ${missing.epoch}:${missing.offset},` +
          ` is not in the log that ${event.node} reads up to ${event.offset}`,
      })
    }
  }
  return violations
}

/** In the end everybody is on the log that there is: who is on an older one was not told of the reset. */
export function leftBehind({ events, members }: Story): Violation[] {
  const last = new Map<string, string>()
  for (const event of events) if (event.kind === 'log') last.set(event.channel, event.epoch)
  const violations: Violation[] = []
  for (const { info, stretches } of members.values()) {
    for (const [channel, list] of stretches) {
      const [on, epoch] = [list.at(-1)?.begun, last.get(channel)]
      if (on === undefined || epoch === undefined || on.epoch === epoch) continue
      const text = `${info.client} is on ${channel} in epoch ${on.epoch} since ${on.at} ms, and the log in ${epoch}`
      violations.push({ rule: 'left behind', at: events.at(-1)?.at ?? 0, text })
    }
  }
  return violations
}
