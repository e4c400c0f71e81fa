/**
 * A limit in a test would fail on a slow machine what is right. All limits follow the speed of the machine, in one place:
 * vitest.config.ts for tests, hooks and polls, test/support/patience.ts for everything else.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const LIMITS: readonly (readonly [name: string, looks: RegExp])[] = [
  ['of a test or a hook, behind its body', /^ *\}, *[\d_]{4,}\)$|^ *\},\n *[\d_]{4,},\n *\)/m],
  ['of a poll', /\btimeout: [\d_]{4,}/],
  ['in a name', /\b\w*(PATIENCE|WAIT)\w* = (\{ timeout: )?[\d_]{4,}/],
]

// Its time is a model's.
const OWN_CLOCK = 'property/drain-together.property.test.ts'

const files = readdirSync(new URL('..', import.meta.url), { recursive: true, encoding: 'utf8' })
  .map((path) => path.replaceAll('\\', '/'))
  .filter((path) => path.endsWith('.ts') && path !== OWN_CLOCK)

it.each(LIMITS)('no test has a limit %s', (_name, looks) => {
  const having = files.filter((path) =>
    looks.test(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')),
  )
  expect(having, 'leave the limit out, or use patientMs() of test/support/patience.ts').toEqual([])
})
