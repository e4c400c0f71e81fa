/**
 * The schema for readers: the page of the documentation and the JSON Schema.
 */
import * as z from 'zod'
import { OPTIONS, SECTIONS } from './option.ts'
import { RULES } from './rules.ts'
import { SCHEMA } from './schema.ts'
import { CLI_VARIABLES } from './sources.ts'
import { ENV_OPTIONS, FLAG_OPTIONS, flagOf, type Option, type Section, TREE } from './tree.ts'

/** Of what may be written in a file. Editors and pipelines can check a file with it. */
export function configurationJsonSchema(): object {
  return z.toJSONSchema(SCHEMA, {
    io: 'input',
    override({ zodSchema, jsonSchema }) {
      const about = OPTIONS.get(zodSchema)
      const doc = about?.doc ?? SECTIONS.get(zodSchema)?.doc
      if (doc !== undefined) jsonSchema.description = doc.replaceAll('`', '')
      // A section's own default is a detail of how defaults are applied.
      if (about === undefined) delete jsonSchema.default
    },
  })
}

const INTRODUCTION = `# Configuration

_This page is made from the schema (\`npm run docs:config\`)._

Nothing has to be set for \`sluice dev\`. Each option has a default, and can be set in

1. a file in YAML or JSON, named by \`--config\` or \`SLUICE_CONFIG\`,
2. an environment variable, for some of them,
3. a flag of \`sluice serve\` and \`sluice dev\`, for those of them that are not secret.

What is later in this list wins. \`sluice config show\` prints what applies and where it came from, \`sluice config check\`
lists everything that is wrong, and \`sluice config schema\` prints a JSON Schema of the file for editors and pipelines.

A wrong key, a wrong value or a combination that cannot work stops the start with one line that names the key, where it
was set, the value (never a secret) and what is allowed. The exit code is then 2.

Times are written as \`250ms\`, \`10s\`, \`45m\`, \`2h\` or \`1d\`, or as a number of milliseconds; sizes as \`64KiB\` (65,536),
\`64kB\` (64,000) or \`1MB\`, or as a number of bytes. A list can also be written as one text with commas, which is its form
in a variable or a flag.

\`\`\`yaml
port: 8080
allowedOrigins: [https://app.example.com]
auth:
  jwksUrl: https://id.example.com/.well-known/jwks.json
  audience: realtime
namespaces:
  '*': { ttl: 2m }
  orders: { delivery: durable }
  cursors: { delivery: ephemeral, clientPublish: fanout, slowConsumer: conflate }
limits:
  frame: 128KiB
\`\`\`
`

const DEVELOPMENT = `## Development

\`sluice dev\` starts from other defaults: \`host: 127.0.0.1\`, an API key named \`dev\` with the value \`dev\`, an
\`auth.jwtSecret\` of its own, which stays the same between runs (\`sluice/dev-secret\` in the user's folder for caches, readable by nobody else),
no limit by address (\`admission.perAddressPerSecond: 0\`), and in the namespace \`*\` \`clientPublish: fanout\`, \`presence: true\` and \`ttl: 1h\`. All
of them can be overridden as above. Without \`nats.url\`, channels with \`delivery: durable\` work as they do with it, and are
in memory: they are gone when the node ends.

Both of its listeners answer only where \`Host\` names this machine, the address that they listen on, or one of \`allowedHosts\`: a
web site whose name leads to 127.0.0.1 gets nothing. Pages that this machine serves, on any port, may connect; others as \`allowedOrigins\` says. It
hands out tokens, good for ten minutes, to whoever asks from here; with an \`auth.jwtSecret\`, \`auth.jwtPublicKey\` or \`auth.jwksUrl\` of
your own it hands out none.
`

const ENVIRONMENT_NOTES = `A variable that is set but empty counts as not set. A variable whose name begins with \`SLUICE_\` and that is in neither
table stops the start, since it is probably a slip. The variables that Kubernetes makes for a Service named \`sluice\`
(\`SLUICE_SERVICE_HOST\`, \`SLUICE_PORT=tcp://…\` and the like) are ignored.
`

export function configurationPage(): string {
  return [
    INTRODUCTION,
    '## At the top\n',
    optionTable(TREE),
    ...sectionsIn(TREE).flatMap((child) => [
      `## \`${child.path.join('.')}\`\n`,
      `${child.doc}\n`,
      sectionTable(child),
    ]),
    '## What must fit together\n',
    `${RULES.map((rule) => `- ${rule.says}`).join('\n')}\n`,
    DEVELOPMENT,
    '## Environment variables\n',
    variableTable(),
    'The command line tool itself reads:\n',
    table(
      ['variable', 'meaning'],
      Object.entries(CLI_VARIABLES).map(([name, doc]) => [code(name), doc]),
    ),
    ENVIRONMENT_NOTES,
  ].join('\n')
}

/** Each before those that stand in it. */
function sectionsIn(section: Section): Section[] {
  return [...section.children.values()].flatMap((child) =>
    child.kind === 'section' ? [child, ...sectionsIn(child)] : [],
  )
}

function sectionTable(section: Section): string {
  if (section.each === undefined) return optionTable(section)
  return `${section.each.intro}\n\n${optionTable(section.each)}`
}

function optionTable(section: Section): string {
  const options = [...section.children.values()].filter((child) => child.kind === 'option')
  return table(
    ['key', 'default', 'meaning', 'allowed'],
    options.map(({ path, about }) => [
      code(path.at(-1) as string),
      about.initial === undefined ? '–' : code(about.initial),
      about.doc,
      about.brief,
    ]),
  )
}

function variableTable(): string {
  const flags = new Set<Option>(FLAG_OPTIONS)
  return table(
    ['variable', 'key', 'flag'],
    [...ENV_OPTIONS].map(([name, option]) => [
      code(name),
      code(option.path.join('.')),
      flags.has(option) ? code(flagOf(option.path)) : '–',
    ]),
  )
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`
  return `${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`
}

function code(text: string): string {
  return `\`${text}\``
}
