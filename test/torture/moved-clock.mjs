// Loaded before a gateway: its clock is off by the seconds in the file that TORTURE_CLOCK names, as if somebody had set it. What
// measures spans of time goes on undisturbed, as on a real machine.
import { readFileSync } from 'node:fs'

const LOOK_EVERY_MS = 200
const file = process.env.TORTURE_CLOCK
const now = Date.now.bind(Date)
let offsetMs = 0

function look() {
  try {
    offsetMs = Number(readFileSync(file, 'utf8')) * 1000
  } catch (error) {
    // Nobody has set it.
    if (error.code !== 'ENOENT') throw error
  }
}

if (file !== undefined) {
  const Real = Date
  globalThis.Date = class extends Real {
    constructor(...args) {
      if (args.length === 0) super(now() + offsetMs)
      else super(...args)
    }
    static now() {
      return now() + offsetMs
    }
  }
  look()
  setInterval(look, LOOK_EVERY_MS).unref()
}
