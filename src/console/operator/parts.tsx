/**
 * Small parts that several views are made of.
 */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Failure } from './access.ts'
import { percent, share } from './words.ts'

export function Bar(props: {
  readonly label: string
  readonly part: number
  readonly whole: number
  readonly text?: string
  readonly tone?: 'plain' | 'held' | 'bad' | 'good'
}) {
  const { label, part, whole, text, tone = 'plain' } = props
  const wide = share(part, whole)
  return (
    <div
      class={`bar ${tone}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(wide * 100)}
      aria-valuetext={text ?? percent(part, whole)}
    >
      <div style={{ width: `${wide * 100}%` }} />
    </div>
  )
}

export function Field(props: {
  readonly label: string
  readonly id: string
  readonly value: string
  readonly change: (value: string) => void
  readonly hint?: string
  readonly placeholder?: string
  readonly required?: boolean
}) {
  const { label, id, value, change, hint, placeholder, required = false } = props
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        value={value}
        autocomplete="off"
        spellcheck={false}
        required={required}
        placeholder={placeholder ?? ''}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onInput={(event) => change(event.currentTarget.value)}
      />
      {hint !== undefined && (
        <small id={`${id}-hint`} class="quiet">
          {hint}
        </small>
      )}
    </div>
  )
}

/** What cannot be taken back is asked for twice. */
export function Sure(props: {
  readonly children: ComponentChildren
  readonly question: string
  readonly run: () => void
  readonly disabled?: boolean
}) {
  const { children, question, run, disabled = false } = props
  const [asks, setAsks] = useState(false)
  const no = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (asks) no.current?.focus()
  }, [asks])
  if (!asks)
    return (
      <button type="button" disabled={disabled} onClick={() => setAsks(true)}>
        {children}
      </button>
    )
  const yes = (): void => {
    setAsks(false)
    run()
  }
  return (
    <span class="sure" role="group" aria-label={question}>
      <span>{question}</span>
      <button type="button" class="danger" onClick={yes}>
        Yes
      </button>
      <button type="button" ref={no} onClick={() => setAsks(false)}>
        No
      </button>
    </span>
  )
}

export interface Doing {
  readonly busy: boolean
  readonly fault: string | undefined
  readonly run: (what: () => Promise<void>) => void
}

/** One thing at a time, and what went wrong with the last one. */
export function useDoing(): Doing {
  const [busy, setBusy] = useState(false)
  const [fault, setFault] = useState<string>()
  const run = (what: () => Promise<void>): void => {
    setBusy(true)
    setFault(undefined)
    what()
      .catch((error: unknown) => {
        if (!(error instanceof Failure)) throw error
        setFault(error.message)
      })
      .finally(() => setBusy(false))
  }
  return { busy, fault, run }
}

export function Fault({ text }: { readonly text: string | undefined }) {
  return (
    <p class="fault" role="alert" hidden={text === undefined}>
      {text}
    </p>
  )
}

export function LookUp(props: {
  readonly id: string
  readonly label: string
  readonly placeholder: string
  readonly doing: Doing
  readonly look: (name: string) => void
}) {
  const { id, label, placeholder, doing, look } = props
  const [name, setName] = useState('')
  return (
    <form
      class="card row"
      role="search"
      aria-label={`Look a ${label.toLowerCase()} up`}
      onSubmit={(event) => {
        event.preventDefault()
        look(name.trim())
      }}
    >
      <Field id={id} label={label} value={name} change={setName} placeholder={placeholder} required />
      <button disabled={doing.busy}>Look it up</button>
      <Fault text={doing.fault} />
    </form>
  )
}
