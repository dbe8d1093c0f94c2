using AsyncCheckpoints.Worker.Consumers;
using MassTransit;

namespace AsyncCheckpoints.Worker.Hosting;

/// <summary>Lets the gate know the endpoint of the command queue.</summary>
internal sealed class GateConnector(string queue, ConsumptionGate gate) : IEndpointConfigurationObserver
{
    public void EndpointConfigured<T>(T configurator)
        where T : IReceiveEndpointConfigurator
    {
        if (configurator.InputAddress.AbsolutePath.EndsWith($"/{queue}", StringComparison.Ordinal))
        {
            configurator.ConnectReceiveEndpointObserver(gate);
        }
    }
}
