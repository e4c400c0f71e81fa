import fc from 'fast-check'
import { expect, it } from 'vitest'
import { jsonFault } from '../../../src/cli/json-fault.ts'

it.each([
  ['', 'line 1, column 1: it ends too early'],
  ['{"a"', 'line 1, column 5: it ends too early'],
  ['{a: 1}', 'line 1, column 2: "a" is not expected here'],
  ['{"a": 1,}', 'line 1, column 9: "}" is not expected here'],
  ['[1,\n 2,\n x]', 'line 3, column 2: "x" is not expected here'],
  ['{"a": 1} more', 'line 1, column 10: "m" is not expected here'],
  [`{'a': 1}`, `line 1, column 2: "'" is not expected here`],
  ['[tru]', 'line 1, column 5: "]" is not expected here'],
])('%j: %s', (text, fault) => {
  expect(jsonFault(text)).toBe(fault)
})

it('finds none in JSON, and the place of what is put into it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value)
      expect(jsonFault(text)).toBeUndefined()
      expect(jsonFault(`[${text}\u0001]`)).toBe(
        `line 1, column ${text.length + 2}: ${JSON.stringify('\u0001')} is not expected here`,
      )
    }),
  )
})
