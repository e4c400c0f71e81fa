/**
 * The child's side of the conversation between the runner and a process that it has started: the runner calls a step
 * by name, the process answers with what came of it.
 */

export interface StepCall {
  readonly call: number
  readonly step: string
  readonly argument: unknown
}

export type StepAnswer =
  { readonly call: number; readonly value: unknown } | { readonly call: number; readonly failure: string }

export type Steps = Readonly<Record<string, (argument: never) => unknown>>

/** Answers steps from now on, and ends this process when the runner goes away. */
export function answerSteps(steps: Steps): void {
  process.on('message', (message) => void answer(steps, message as StepCall))
  process.on('disconnect', () => process.exit(0))
}

async function answer(steps: Steps, { call, step, argument }: StepCall): Promise<void> {
  const run = steps[step]
  try {
    if (run === undefined)
      throw new Error(`there is no step ${step}; there are ${Object.keys(steps).join(', ')}`)
    const value: unknown = await run(argument as never)
    tell({ call, value })
  } catch (error) {
    // Whatever went wrong makes the runner's run fail, with the text.
    tell({ call, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
}

function tell(message: StepAnswer): void {
  process.send?.(message)
}
