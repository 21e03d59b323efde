import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { AnyNotificationType, NotificationType } from '#contracts/catalogue.ts'

/**
 * A catalogue entry that remembers its schema and its arms, so that templates, steps and calls are checked against them.
 * Without arms templates see none.
 */
export type NotificationOf<Schema extends StandardSchemaV1, Arm extends string = string> = Omit<
  NotificationType<StandardSchemaV1.InferOutput<Schema>, Arm, string extends Arm ? unknown : { arm: Arm }>,
  'schema' | 'examples'
> & { readonly schema: Schema; readonly examples?: readonly StandardSchemaV1.InferInput<Schema>[] }

/** An entry with this schema, whatever its arms: what a call is checked against. */
export type EntryOf<Schema extends StandardSchemaV1> = Omit<AnyNotificationType, 'schema'> & { readonly schema: Schema }

/**
 * States a notification type. Templates, `dedupe.key` and the like see the schema's output; `notify` takes its input.
 * The output must be plain JSON: it travels as such. `catalogueOf` checks the entry when it joins a catalogue.
 */
export const defineNotification = <Schema extends StandardSchemaV1, Arm extends string = string>(
  entry: NotificationOf<Schema, Arm>,
): NotificationOf<Schema, Arm> => entry
