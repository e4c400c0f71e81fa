/**
 * What must fit together for backends that are told what happens.
 */
import type { Config } from './schema.ts'
import type { Rule } from './rules.ts'
import { PUSHER_EVENTS, type WebhookTarget } from './webhooks-section.ts'

export const WEBHOOK_RULES: readonly Rule[] = [
  {
    says: 'Each of `webhooks.targets` has either a `url` or a `subject`; a `url` needs a `secret` or an `app`, of which it has one; `subject` needs `nats.url`.',
    broken: (config, where) =>
      first(config, (name, { url, subject, secret, app }) => {
        const at = where('webhooks', 'targets', name)
        if ((url === undefined) === (subject === undefined))
          return `${at} must have either a url or a subject: where is it told?`
        if (subject !== undefined && config.nats.url.length === 0)
          return `${at} has a subject, which needs nats.url (SLUICE_NATS_URL): set it, or use a url`
        if (secret !== undefined && app !== undefined)
          return `${at} has a secret and an app: what an app is told is signed by its own key, so remove the secret`
        if (url !== undefined && secret === undefined && app === undefined)
          return `${at} has a url, but neither a secret nor an app: nobody could tell who calls; set a secret, for example from: openssl rand -hex 32`
        return undefined
      }),
  },
  {
    says: `The \`app\` of one of \`webhooks.targets\` is in \`dialects.pusher.apps\`, and its \`events\` are among ${[...PUSHER_EVENTS].join(', ')}; it is told over HTTP.`,
    broken: (config, where) =>
      first(config, (name, { app, subject, events }) => {
        if (app === undefined) return undefined
        const at = where('webhooks', 'targets', name)
        if (!(config.dialects.pusher?.apps ?? []).some((entry) => entry.startsWith(`${app}:`)))
          return `${at} is of the app ${app}, which is not in dialects.pusher.apps`
        if (subject !== undefined) return `${at} is of an app of Pusher, which is told over HTTP: set a url`
        const unknown = events.find((event) => !PUSHER_EVENTS.has(event))
        if (unknown === undefined) return undefined
        return `${at} wants ${unknown}, for which Pusher has no word: allowed with an app are ${[...PUSHER_EVENTS].join(', ')}`
      }),
  },
  {
    says: '`hooks` has either a `url`, which needs a `secret`, or a `subject`, which needs `nats.url`.',
    broken({ hooks, nats }, where) {
      if (hooks === undefined) return undefined
      const { url, subject, secret } = hooks
      if ((url === undefined) === (subject === undefined))
        return `${where('hooks')} must have either a url or a subject: who is asked?`
      if (subject !== undefined && nats.url.length === 0)
        return `${where('hooks', 'subject')} needs nats.url (SLUICE_NATS_URL): set it, or use a url`
      if (url !== undefined && secret === undefined)
        return `${where('hooks', 'url')} needs hooks.secret: nobody could tell who asks; set one, for example from: openssl rand -hex 32`
      return undefined
    },
  },
  {
    says: '`webhooks.endsAfter` is at most `webhooks.movesWithin`: who is sent elsewhere is away for longer than who goes.',
    broken({ webhooks: { endsAfter, movesWithin } }, where) {
      if (endsAfter <= movesWithin) return undefined
      return `${where('webhooks', 'endsAfter')} must be at most ${where('webhooks', 'movesWithin')}`
    },
  },
]

function first(
  { webhooks }: Config,
  faultOf: (name: string, target: WebhookTarget) => string | undefined,
): string | undefined {
  for (const [name, target] of Object.entries(webhooks.targets)) {
    const fault = faultOf(name, target)
    if (fault !== undefined) return fault
  }
  return undefined
}
