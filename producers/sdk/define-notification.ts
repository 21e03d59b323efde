import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { NotificationType } from '#contracts/catalogue.ts'

/** A catalogue entry that remembers its schema, so that templates and calls are checked against it. */
export type NotificationOf<Schema extends StandardSchemaV1> = Omit<
  NotificationType<StandardSchemaV1.InferOutput<Schema>>,
  'schema'
> & { readonly schema: Schema }

/**
 * States a notification type. Templates, `dedupe.key` and the like see the schema's output; `notify` takes its input.
 * The output must be plain JSON: it travels as such. `catalogueOf` checks the entry when it joins a catalogue.
 */
export const defineNotification = <Schema extends StandardSchemaV1>(
  entry: NotificationOf<Schema>,
): NotificationOf<Schema> => entry
