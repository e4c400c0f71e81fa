/** Each fault of the native library that is excused has a case that shows it, and each case stands in the page. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { NATIVE_FAULTS } from '../wire/native-faults.ts'

const page = readFileSync(new URL('../../docs/wire.md', import.meta.url), 'utf8')

it('docs/wire.md lists the faults that test/wire/native-faults.ts shows, by number and in the same words', () => {
  const listed = [...page.matchAll(/^\| ([HW]\d+) +\| (.*?) +\|/gm)].map(([, id, what]) => ({ id, what }))
  expect(listed).toEqual(NATIVE_FAULTS.map(({ id, what }) => ({ id, what })))
})
