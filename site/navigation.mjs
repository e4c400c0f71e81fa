/**
 * What the site shows, and in which order. A page of docs/ that nobody has put into a group is in the last one: every page can be
 * reached from every other.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Beside docs/, in the folder of the project. */
const BESIDE = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md']

const GROUPS = [
  { text: 'Begin', pages: ['README.md', 'docs/quickstart.md'] },
  {
    text: 'Guides',
    pages: [
      'docs/guides/transports.md',
      'docs/guides/authentication.md',
      'docs/guides/history.md',
      'docs/guides/presence.md',
      'docs/guides/requests.md',
      'docs/guides/notifications.md',
      'docs/guides/deploy.md',
      'docs/guides/troubleshooting.md',
    ],
  },
  {
    text: 'Coming from',
    pages: [
      'docs/guides/from-socket-io.md',
      'docs/guides/from-pusher.md',
      'docs/guides/from-centrifugo.md',
      'docs/guides/from-ws.md',
    ],
  },
  {
    text: 'The client',
    pages: ['docs/client.md', 'docs/react.md', 'docs/server.md', 'docs/comparison.md'],
  },
  {
    text: 'Reference',
    pages: [
      'docs/semantics.md',
      'docs/tokens.md',
      'docs/http-api.md',
      'docs/webhooks.md',
      'docs/protocol.md',
      'docs/configuration.md',
      'docs/metrics.md',
      'docs/nats.md',
      'docs/wire.md',
    ],
  },
  { text: 'Other protocols', pages: ['docs/pusher.md', 'docs/centrifuge.md', 'docs/durable-streams.md'] },
  {
    text: 'Operate',
    pages: [
      'docs/operations.md',
      'docs/runbook.md',
      'docs/sizing.md',
      'docs/benchmarks.md',
      'docs/torture.md',
      'docs/security.md',
      'SECURITY.md',
    ],
  },
  { text: 'Change it', pages: ['docs/architecture.md', 'CONTRIBUTING.md', 'CHANGELOG.md'] },
]

/** By their paths in the project. */
export function pages() {
  const inDocs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name.replaceAll('\\', '/')}`)
  return [...BESIDE, ...inDocs.toSorted()]
}

/** Groups of pages, each with its title. Others may be on their way: what is not there is left out. */
export function navigation() {
  const all = pages()
  const placed = new Set(GROUPS.flatMap((group) => group.pages))
  const more = { text: 'More', pages: all.filter((page) => !placed.has(page)) }
  return [...GROUPS, more]
    .map(({ text, pages: wanted }) => ({
      text,
      pages: wanted.filter((page) => all.includes(page)).map((page) => ({ page, title: titleOf(page) })),
    }))
    .filter((group) => group.pages.length > 0)
}

function titleOf(page) {
  if (page === 'README.md') return 'What it is'
  const [, title = page] = /^# (.+)$/m.exec(readFileSync(join(ROOT, page), 'utf8')) ?? []
  return title.replaceAll('`', '')
}

/** Where a page is on the site, as a file. */
export function placeOf(page) {
  return page === 'README.md' ? 'index.md' : page.replace(/^docs\//, '').toLowerCase()
}
