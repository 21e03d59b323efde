import { draw } from '#contracts/arms.ts'
import type { AnyNotificationType } from '#contracts/catalogue.ts'
import type { Why } from '#contracts/decision.ts'

/**
 * Why a person is not told of a type, to be compared with those who are: because nothing is told to them, or nothing of
 * this type. The same answer for ever while the share stays; a share that grows only adds people. Undefined: is told.
 */
export function holdoutOf(entry: AnyNotificationType, recipient: string): Why | undefined {
  const { type, globalHoldout = 0, holdout = 0 } = entry
  if (globalHoldout > 0 && draw('holdout', recipient) < globalHoldout)
    return { rule: 'holdout', value: `global, ${percent(globalHoldout)}` }
  if (holdout > 0 && draw(`holdout\0${type}`, recipient) < holdout)
    return { rule: 'holdout', value: `${type}, ${percent(holdout)}` }
  return undefined
}

const percent = (share: number): string => `${Number((share * 100).toPrecision(3))} %`
