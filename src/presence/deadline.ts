/**
 * Something of presence that is due on the wheel.
 */
import type { WheelEntry } from '../wheel.ts'

export class Deadline implements WheelEntry {
  wheelTick = -1
  wheelBefore: WheelEntry | undefined
  wheelBehind: WheelEntry | undefined
  readonly #run: () => void

  constructor(run: () => void) {
    this.#run = run
  }

  due(): void {
    this.#run()
  }

  /** It is scheduled again when there is reason to. */
  abandon(): void {}
}
