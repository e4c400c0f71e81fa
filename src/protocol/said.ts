/**
 * What is said of somebody in bytes, as JSON. Pure.
 */
import { isUtf8 } from 'node:buffer'
import { JsonFault, parseJson } from './json.ts'
import { onOneLine } from './raw-json.ts'

/** On one line. What is no JSON is a text in base64, as bytes are wherever JSON is spoken. */
export function saidInBytes(bytes: Buffer): string {
  const text = isUtf8(bytes) ? bytes.toString('utf8') : ''
  try {
    parseJson(text)
    return onOneLine(text.trim())
  } catch (error) {
    if (!(error instanceof JsonFault)) throw error
    return JSON.stringify(bytes.toString('base64'))
  }
}
