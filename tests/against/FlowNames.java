import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Method;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.connect.mirror.MirrorConnectorConfig;
import org.apache.kafka.connect.mirror.MirrorMakerConfig;
import org.apache.kafka.connect.mirror.MirrorSourceConfig;
import org.apache.kafka.connect.mirror.MirrorSourceConnector;
import org.apache.kafka.connect.mirror.ReplicationPolicy;
import org.apache.kafka.connect.mirror.SourceAndTarget;

/**
 * What MirrorMaker 2 makes of a file: the names of the flow A->B.
 *
 * Each line of standard input is a file, its lines parted by semicolons; the answer is the alias in keys, the copy of
 * orders, the topics of offset syncs and of checkpoints, parted by bars.
 */
public class FlowNames {
    public static void main(String[] arguments) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            Map<String, String> file = new HashMap<>();
            for (String entry : line.split(";")) {
                String[] parts = entry.split("=", 2);
                file.put(parts[0], parts[1]);
            }
            MirrorSourceConfig config = new MirrorSourceConfig(new MirrorMakerConfig(file)
                .connectorBaseConfig(new SourceAndTarget("A", "B"), MirrorSourceConnector.class));
            ReplicationPolicy policy = (ReplicationPolicy) ask(MirrorConnectorConfig.class, config, "replicationPolicy");
            String alias = (String) ask(MirrorConnectorConfig.class, config, "sourceClusterAlias");
            System.out.println(String.join("|", alias, policy.formatRemoteTopic(alias, "orders"),
                (String) ask(MirrorSourceConfig.class, config, "offsetSyncsTopic"), policy.checkpointsTopic(alias)));
        }
    }

    private static Object ask(Class<?> type, Object config, String name) throws Exception {
        Method method = type.getDeclaredMethod(name);
        method.setAccessible(true);
        return method.invoke(config);
    }
}
