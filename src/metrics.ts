import { Counter, type CounterConfiguration, Gauge, type GaugeConfiguration, type Registry } from 'prom-client';

/** One of a name in a process, however often what counts by it is stopped and started. */
export function oneCounter<Label extends string = never>(
  metrics: Registry,
  configuration: Omit<CounterConfiguration<Label>, 'registers'>,
): Counter<Label> {
  const known = metrics.getSingleMetric(configuration.name);
  return known instanceof Counter ? known : new Counter({ ...configuration, registers: [metrics] });
}

/** The same for a gauge. */
export function oneGauge<Label extends string = never>(
  metrics: Registry,
  configuration: Omit<GaugeConfiguration<Label>, 'registers'>,
): Gauge<Label> {
  const known = metrics.getSingleMetric(configuration.name);
  return known instanceof Gauge ? known : new Gauge({ ...configuration, registers: [metrics] });
}
